//! Whose money it was: which keys tell it, tables between dimensions, headers.

use pricetag::attribution::defaults;
use pricetag::genai::dialects::Dialects;
use pricetag::genai::meaning::Meaning;

/// Scenario: the keys under which instrumentations, conventions and gateways are known to say for whom a call is.
/// Guarantees: without a config, and whatever the scope, each tells its dimension.
#[test]
fn well_known_keys_tell_their_dimensions() {
    let dimensions: Vec<(String, Vec<String>)> =
        defaults::DIMENSIONS.iter().map(|(name, _)| ((*name).to_owned(), defaults::keys(name))).collect();
    let dialects = Dialects::new(&[], &dimensions);
    for (name, keys) in [
        (
            "user",
            "user.id enduser.id gen_ai.user gen_ai.request.user llm.user langfuse.user.id \
             traceloop.association.properties.user_id ai.telemetry.metadata.userId metadata.user_api_key_user_id \
             langsmith.metadata.user_id",
        ),
        (
            "session",
            "session.id gen_ai.conversation.id conversation.id langfuse.session.id gcp.vertex.agent.session_id \
             traceloop.association.properties.session_id ai.telemetry.metadata.sessionId",
        ),
        (
            "feature",
            "pricetag.feature feature traceloop.association.properties.feature ai.telemetry.metadata.feature \
             ai.telemetry.functionId",
        ),
        ("workflow", "gen_ai.workflow.name traceloop.workflow.name"),
        ("agent", "gen_ai.agent.name agent.name"),
        (
            "tenant",
            "tenant tenant.id organization.id traceloop.association.properties.tenant_id \
             ai.telemetry.metadata.tenantId metadata.user_api_key_end_user_id litellm.end_user.id",
        ),
        ("team", "team metadata.user_api_key_team_id litellm.team.id"),
        ("tier", "tier pricetag.tier"),
        ("environment", "deployment.environment.name deployment.environment langfuse.environment"),
    ] {
        let index = dimensions.iter().position(|(known, _)| known == name).unwrap();
        for key in keys.split_whitespace() {
            let told = dialects.keys().meanings(key.as_bytes());
            let tells = told.iter().any(|it| it.meaning == Meaning::Dimension(index as u8));
            assert!(tells, "{key} does not tell {name}: {told:?}");
        }
    }
}
