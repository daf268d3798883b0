//! Dialects as tables.

use super::format::DialectFile;
use super::*;

/// Guarantees: every embedded file can be read, is called what its file is, says where it comes from, and the base is
/// first.
#[test]
fn the_embedded_dialects_can_be_read() {
    for (file, text) in FILES {
        let dialect = DialectFile::from_yaml(file, text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(format!("{}.yaml", dialect.dialect), *file);
        let documented = [&dialect.title, &dialect.versions, &dialect.notes];
        assert!(documented.iter().all(|text| !text.trim().is_empty()), "{file}: title, versions, notes");
        assert!(!dialect.sources.is_empty(), "{file}: sources");
    }
    assert_eq!(Dialects::embedded().len(), FILES.len());
    assert_eq!(Dialects::embedded()[usize::from(BASE)].dialect, "otel");
}

/// Guarantees: no two dialects lay claim to one scope.
#[test]
fn a_scope_has_one_dialect() {
    let scopes: Vec<(&str, &String)> = Dialects::embedded()
        .iter()
        .flat_map(|file| file.scopes.iter().map(|scope| (file.dialect.as_str(), scope)))
        .collect();
    for (dialect, scope) in &scopes {
        let claims: Vec<_> = scopes
            .iter()
            .filter(|(other, pattern)| other != dialect && Pattern::new(pattern).matches(scope.as_bytes()))
            .collect();
        assert!(claims.is_empty(), "{dialect}'s scope {scope} is also of {claims:?}");
    }
}

fn file(text: &str) -> DialectFile {
    DialectFile::from_yaml("own.yaml", text).unwrap()
}

/// Scenario: scopes known by name and by pattern, a user's file that takes one of ours, and scopes of nobody.
/// Guarantees: the user's wins, a name wins over a pattern, and what nobody knows is read as the conventions have it.
#[test]
fn scopes_tell_the_dialect() {
    let own = [
        file("dialect: a\nscopes: [my.*, opentelemetry.instrumentation.openai_v2]"),
        file("dialect: b\nscopes: [my.sdk]"),
        file("dialect: c\nscopes: [my.other.*]"),
    ];
    let dialects = Dialects::new(&own, &[]);
    let name = |scope: &str| dialects.get(dialects.of_scope(scope.into())).name().to_owned();
    assert_eq!(name("my.thing"), "a");
    assert_eq!(name("my.sdk"), "b");
    assert_eq!(name("my.other.sdk"), "c");
    assert_eq!(name("opentelemetry.instrumentation.openai_v2"), "a");
    for unknown in ["", "my", "somebody.else"] {
        assert_eq!(name(unknown), "otel", "{unknown}");
    }
}

/// Scenario: a key tells the kind of a span in a dialect of one scope, and in one that others write too.
/// Guarantees: where the scope is not known, the key speaks for the latter, whichever file comes first.
#[test]
fn a_key_that_tells_the_kind_is_a_mark_of_the_dialect_at_large() {
    let gateway =
        "dialect: gateway\nscopes: [gateway]\nonly_in_scope: true\noperation: {key: my.kind, values: {}}";
    let own = [file(gateway), file("dialect: large\noperation: {key: my.kind, values: {}}")];
    for own in [own.clone(), [own[1].clone(), own[0].clone()]] {
        let dialects = Dialects::new(&own, &[]);
        let marks = dialects.keys().meanings(b"my.kind").iter().filter_map(|ranked| match ranked.meaning {
            Meaning::Mark(id) => Some(dialects.get(id).name()),
            _ => None,
        });
        assert_eq!(marks.collect::<Vec<_>>(), ["large"]);
    }
}

/// Scenario: a file with every kind of mistake.
/// Guarantees: each is told with its line, its key and what to do.
#[test]
fn mistakes_are_told_with_their_place() {
    let text = "titel: X
input: sometimes
attributes:
  inptu: [a]
  input: [b]
  input: [c]
operation:
  values: {x: chatt}
events: {}
only_in_scope: true
";
    let mistakes = DialectFile::from_yaml("own.yaml", text).unwrap_err().to_string();
    insta::assert_snapshot!(mistakes, @r#"
    own.yaml:1:1: titel: unknown key; did you mean "title"?
    own.yaml:2:8: input: "sometimes" is not one of the values; allowed: exclusive, inclusive, unknown
    own.yaml:4:3: attributes.inptu: `inptu` is not what an attribute can say; did you mean "input"?
    own.yaml:6:3: attributes.input: the key stands here twice, first on line 5; keep one of the two
    own.yaml:8:15: operation.values.x: `chatt` is not an operation; did you mean "chat"? (allowed: chat, create_agent, embeddings, execute_tool, generate_content, invoke_agent, invoke_workflow, model_request, plan, retrieval, text_completion)
    own.yaml:9:1: events.scopes: no scope is named; name the scope of the log records: `scopes: [my.scope]`
    "#);
}

/// Scenario: an instrumentation that passes on what each API counts.
/// Guarantees: what totals hold is told by the provider, however it is spelled, and by the dialect for all others.
#[test]
fn totals_may_mean_something_else_by_provider() {
    let own = [file(
        "dialect: own\nscopes: [own]\ninput_by_provider: {anthropic: exclusive}\nreasoning_by_provider: {gcp.gemini: beside}",
    )];
    let dialects = Dialects::new(&own, &[]);
    let means = |provider: &str| dialects.get(dialects.of_scope("own".into())).means(provider.into());
    let default = Means::default();
    assert_eq!(means("Anthropic"), Means { input: InputMeans::WithoutCache, ..default });
    assert_eq!(means("gcp.gemini"), Means { reasoning: ReasoningMeans::BesideOutput, ..default });
    assert_eq!(means("openai"), default);
}
