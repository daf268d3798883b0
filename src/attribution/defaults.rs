//! The dimensions that there are without a config, and the attribute keys that tell them.
//!
//! Here stand the conventions' keys, and names that applications give their own attributes. What single instrumentations write
//! is the dialects' to say (`config/dialects`): a key that a file there gives a dimension is read after those of the config.

/// The dimensions and their keys, the preferred one first: what somebody wrote for us, then conventions, then habits.
pub const DIMENSIONS: [(&str, &[&str]); 9] = [
    (
        "user",
        // Semantic conventions: `user.*` of the user registry, `enduser.*` of the enduser registry. The others are the users that
        // GenAI instrumentations pass on from a request's `user`.
        &[
            "user.id",
            "enduser.id",
            "gen_ai.user",
            "gen_ai.user.id",
            "gen_ai.request.user",
            "llm.user",
            "user_id",
            "userId",
            "user.name",
            "enduser.pseudo.id",
            "user.hash",
        ],
    ),
    (
        "session",
        &[
            "session.id",
            "gen_ai.conversation.id",
            "conversation.id",
            "session_id",
            "sessionId",
            "conversation_id",
        ],
    ),
    ("feature", &["pricetag.feature", "feature", "feature.name", "app.feature"]),
    ("workflow", &["pricetag.workflow", "gen_ai.workflow.name", "workflow", "workflow.name"]),
    ("agent", &["pricetag.agent", "gen_ai.agent.name", "agent.name", "agent", "gen_ai.agent.id"]),
    (
        "tenant",
        &[
            "pricetag.tenant",
            "tenant.id",
            "tenant",
            "tenant.name",
            "tenant_id",
            "tenantId",
            "organization.id",
            "organization",
            "org.id",
            "customer.id",
            "customer",
            "account.id",
        ],
    ),
    ("tier", &["pricetag.tier", "tier", "tenant.tier", "customer.tier", "user.tier", "subscription.tier"]),
    ("team", &["pricetag.team", "team", "team.id", "team.name"]),
    (
        // Semantic conventions: `deployment.environment.name`, and its name before 1.27.
        "environment",
        &[
            "pricetag.environment",
            "deployment.environment.name",
            "deployment.environment",
            "environment",
            "env",
        ],
    ),
];

/// The keys of a dimension that a config says nothing of. One of the user's own is told by its name.
pub fn keys(name: &str) -> Vec<String> {
    match DIMENSIONS.iter().find(|(known, _)| *known == name) {
        Some((_, keys)) => keys.iter().map(|key| (*key).to_owned()).collect(),
        None => vec![format!("pricetag.{name}"), name.to_owned()],
    }
}
