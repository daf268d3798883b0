//! Converting published price lists into our format. Pure: text in, text out.
