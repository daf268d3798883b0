//! What the API is, for machines: docs/openapi.json, made from the types of the answers.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::query::Parameter;
use super::{ENDPOINTS, Question};

/// Where it is served.
pub(super) const PATH: &str = "/api/v1/openapi.json";

const ABOUT: &str = "What LLM calls cost, exactly. Money is in US dollars, as exact decimals in strings; null: it is not known. Questions \
                     are answered in whole hours. Who asks for text/csv gets the rows as a table. Only this machine may ask, \
                     or who has the password or token, where the config says so.";

/// OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12.
pub(super) fn description() -> String {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        paths.insert(endpoint.path.to_owned(), (endpoint.describe)(&mut generator));
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert(
        "Error".to_owned(),
        json!({
            "type": "object",
            "properties": { "error": { "description": "What is wrong, and what to do.", "type": "string" } },
            "required": ["error"],
        }),
    );
    let description = json!({
        "openapi": "3.1.0",
        "info": { "title": "pricetag", "version": "1", "description": ABOUT, "license": { "name": "Apache-2.0" } },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    format!("{description:#}\n")
}

/// The path item of a question.
pub(super) fn describe<Q: Question>(generator: &mut SchemaGenerator) -> Value {
    let answer = generator.subschema_for::<Q>().to_value();
    let id = Q::PATH.rsplit('/').next().unwrap_or_default();
    let error = |about: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        json!({ "description": about, "content": { "application/json": { "schema": schema } } })
    };
    json!({
        "get": {
            "operationId": id,
            "summary": Q::SUMMARY,
            "parameters": Q::PARAMETERS.iter().map(Parameter::describe).collect::<Vec<_>>(),
            "responses": {
                "200": {
                    "description": Q::SUMMARY,
                    "content": {
                        "application/json": { "schema": answer },
                        "text/csv": { "schema": { "type": "string" } },
                    },
                },
                "400": error("A parameter is wrong."),
                "401": error("Asked without the password or token that the config wants."),
                "403": error("Asked from another machine, or by a host name that is not ours."),
                "404": error("Not configured."),
                "406": error("Asked for what is neither JSON nor CSV."),
                "500": error("The ledger can not be read."),
                "503": error("Too many questions at once."),
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: clients are told what the code answers.
    #[test]
    fn the_committed_description_is_that_of_the_code() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, description()).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == description(),
            "docs/openapi.json is out of date: UPDATE_DOCS=1 cargo test --lib openapi"
        );
    }
}
