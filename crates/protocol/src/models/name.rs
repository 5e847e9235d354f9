//! What a model's name means. One model has many: `claude-sonnet-4-5` is `claude-sonnet-4-5-20250929` in a request,
//! `claude-sonnet-4-5@20250929` on Vertex AI, and may be meant by `sonnet`. Ceilings and prices know it by all of them.

use super::{Model, ModelTable};

/// A name, read.
pub(super) struct ModelName<'name, 'table> {
    /// As it was written, without folder.
    text: &'name str,
    /// Without version.
    pub(super) base: &'name str,
    /// The day of the version, `20250929`, if it names one.
    pub(super) version: Option<String>,
    /// The model, if the table has it.
    pub(super) model: Option<&'table Model>,
}

impl<'name, 'table> ModelName<'name, 'table> {
    /// Reads a name with or without the vendor's folder, date, `latest` or `default`, and the size of a window.
    pub(super) fn read(name: &'name str, table: &'table ModelTable) -> Self {
        let text = name.rsplit('/').next().unwrap_or(name);
        let whole = split_window(text).0;
        if let Some(model) = named(table, whole) {
            let version = whole.split_once('@').and_then(|(_, version)| date(version));
            let base = whole.split('@').next().unwrap_or(whole);
            return Self { text, base, version, model: Some(model) };
        }
        let (base, version) = split_version(whole);
        Self { text, base, version, model: named(table, base) }
    }

    /// Whether it is what one entry of a list allows.
    pub(super) fn is_within(&self, allowed: &str, table: &ModelTable) -> bool {
        if let Some(beginning) = allowed.strip_suffix('*') {
            let beginning = beginning.rsplit('/').next().unwrap_or(beginning);
            return self.text.starts_with(beginning) || self.id().starts_with(beginning);
        }
        let allowed = ModelName::read(allowed, table);
        self.id() == allowed.id() && (allowed.version.is_none() || allowed.version == self.version)
    }

    fn id(&self) -> &str {
        self.model.map_or(self.base, |model| &model.id)
    }
}

fn named<'a>(table: &'a ModelTable, text: &str) -> Option<&'a Model> {
    table.models.iter().find(|model| {
        model.id == text
            || model.vertex_id.as_deref() == Some(text)
            || model.aliases.iter().any(|alias| alias == text)
    })
}

/// Parts a name from the size of a window that is asked for with it, which Claude Code writes behind it: `[1m]`.
pub(super) fn split_window(name: &str) -> (&str, &str) {
    name.split_at(name.find('[').unwrap_or(name.len()))
}

/// `name@20250929`, `name-20250929` and `name-2025-09-29` are a name and a day; `name@default` and `name-latest` are the
/// name alone.
fn split_version(name: &str) -> (&str, Option<String>) {
    if let Some((base, version)) = name.split_once('@') {
        return (base, date(version));
    }
    if let Some(base) = name.strip_suffix("-latest") {
        return (base, None);
    }
    for length in ["20250929".len(), "2025-09-29".len()] {
        let at = name.len().checked_sub(length + 1).filter(|at| name.is_char_boundary(*at));
        if let Some((base, rest)) = at.map(|at| name.split_at(at))
            && let Some(day) = rest.strip_prefix('-').and_then(date)
        {
            return (base, Some(day));
        }
    }
    (name, None)
}

/// A day as eight digits.
fn date(text: &str) -> Option<String> {
    let is_split = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    let digits = if is_split { text.replace('-', "") } else { text.to_owned() };
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_models() {
        let table = ModelTable::built_in();
        for (name, id) in [
            ("claude-sonnet-4-5", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5@20250929", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5@default", Some("claude-sonnet-4-5")),
            ("claude-sonnet-4-5[1m]", Some("claude-sonnet-4-5")),
            ("sonnet", Some("claude-sonnet-5-5")),
            ("sonnet[1m]", Some("claude-sonnet-5-5")),
            ("opus", Some("claude-opus-5-5")),
            ("anthropic/claude-haiku-4-5", Some("claude-haiku-4-5")),
            ("models/gemini-2.5-flash", Some("gemini-2.5-flash")),
            ("publishers/google/models/gemini-2.5-pro", Some("gemini-2.5-pro")),
            ("gpt-5-2025-08-07", Some("gpt-5")),
            ("gemini-2.5-flash-latest", Some("gemini-2.5-flash")),
            ("claude-sonnet-4-5-more", None),
            ("opusplan", None),
            ("å-2025-08-07", None),
            ("å", None),
            ("", None),
        ] {
            assert_eq!(table.find(name).map(|model| model.id.as_str()), id, "{name}");
        }
    }

    #[test]
    fn a_list_allows_a_model_by_all_its_names() {
        let table = ModelTable::built_in();
        for (allowed, name, expected) in [
            ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", true),
            ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929", true),
            ("claude-sonnet-4-5", "claude-sonnet-4-5[1m]", true),
            ("claude-sonnet-4-5", "claude-sonnet-4-6", false),
            ("claude-sonnet-4-5", "claude-sonnet-4-5-more", false),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929", true),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929", true),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20260101", false),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", false),
            ("sonnet", "claude-sonnet-5-5", true),
            ("claude-sonnet-5-5", "sonnet[1m]", true),
            ("sonnet", "claude-sonnet-4-5", false),
            ("sonnet", "opus", false),
            ("claude-*", "sonnet", true),
            ("claude-*", "models/gemini-2.5-pro", false),
            ("gemini-2.5-flash", "models/gemini-2.5-flash", true),
            ("models/gemini-*", "gemini-2.5-flash-lite", true),
            ("gemini-2.5-flash", "gemini-2.5-flash-lite", false),
            ("unknown", "unknown", true),
            ("unknown", "unknown-20260101", true),
            ("unknown", "unknowable", false),
            ("*", "anything", true),
        ] {
            assert_eq!(table.allows(&[allowed.to_owned()], name), expected, "{allowed}: {name}");
        }
        assert!(table.allows(&[], "anything"));
    }

    #[test]
    fn names_in_short_and_of_vertex() {
        let table = ModelTable::built_in();
        for (name, in_full, at_vertex) in [
            ("sonnet", "claude-sonnet-5-5", "claude-sonnet-5-5"),
            ("sonnet[1m]", "claude-sonnet-5-5[1m]", "claude-sonnet-5-5[1m]"),
            ("claude-sonnet-4-5", "claude-sonnet-4-5", "claude-sonnet-4-5@20250929"),
            ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5[1m]", "claude-sonnet-4-5@20250929[1m]"),
            ("claude-opus-4-5-20251101", "claude-opus-4-5-20251101", "claude-opus-4-5@20251101"),
            ("claude-opus-4-5@20251101", "claude-opus-4-5@20251101", "claude-opus-4-5@20251101"),
            ("claude-opus-4-6", "claude-opus-4-6", "claude-opus-4-6"),
            ("models/gemini-2.5-flash", "models/gemini-2.5-flash", "gemini-2.5-flash"),
            ("opusplan", "opusplan", "opusplan"),
            ("claude-next@20270101", "claude-next@20270101", "claude-next@20270101"),
        ] {
            assert_eq!((table.in_full(name).as_str(), table.at_vertex(name).as_str()), (in_full, at_vertex));
        }
    }
}
