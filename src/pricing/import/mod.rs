//! Converting published price lists into our format. Pure: text in, a catalog out.

pub mod diff;
pub mod genai_prices;
pub mod history;
pub mod join;
pub mod litellm;

/// Why a published list could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It does not have the shape that its project publishes.
    #[error("at {place}: {problem}")]
    Shape {
        /// The path inside the list.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// It says something that this converter cannot say in our format; leaving it out would change prices.
    #[error("{model}: {problem}")]
    Unsupported {
        /// Provider and model.
        model: String,
        /// What cannot be said.
        problem: String,
    },
}
