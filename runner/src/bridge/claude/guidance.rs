//! What repository and workflow say to Claude Code, put into its home: there it takes memory, skills, agents and commands
//! from, whatever becomes of the folders that they came from.

use ambient_protocol::effective::ApprovalMode;
use serde_json::{Map, Value, json};

use super::TurnContext;
use crate::carrier::AgentFile;

/// Folders of the same names in its home.
const FOLDERS: [&str; 3] = [".claude/agents", ".claude/commands", ".claude/skills"];
/// The file with what it is told before all else.
const SYSTEM_PROMPT: &str = ".claude/ambient-system-prompt.md";
/// The file with hooks.
const HOOKS: &str = ".claude/ambient-hooks.json";

/// Files in its home, and the flags that name them.
pub(super) fn prepare(context: &TurnContext<'_>) -> (Vec<AgentFile>, Vec<String>) {
    let file = |path: &str, content: String| AgentFile { path: context.home.join(path), content };
    // An earlier attempt's agent may have put hooks there.
    let mut files = vec![file(".claude/settings.json", "{}".to_owned())];
    let mut flags = Vec::new();
    for guidance in context.guidance() {
        let found = FOLDERS.into_iter().flat_map(|folder| guidance.under(folder));
        files.extend(found.map(|(path, text)| file(path, text.to_owned())));
    }
    let memories: Vec<_> = context.guidance().filter_map(|one| one.file("CLAUDE.md")).collect();
    files.push(file(".claude/CLAUDE.md", memories.join("\n\n")));
    let mut named = |flag: &str, path: &str, content: String| {
        flags.extend([flag.to_owned(), context.home.join(path).to_string_lossy().into_owned()]);
        files.push(file(path, content));
    };
    if let Some(prompt) = context.system_prompt() {
        named("--append-system-prompt-file", SYSTEM_PROMPT, prompt);
    }
    let hooks = hooks(context);
    if !hooks.is_empty() {
        named("--settings", HOOKS, json!({ "hooks": hooks }).to_string());
    }
    (files, flags)
}

/// The hooks of both, those of the repository first. They run commands: not where a person decides which run.
fn hooks(context: &TurnContext<'_>) -> Map<String, Value> {
    let mut hooks = Map::new();
    if context.session.approval.mode == ApprovalMode::Ask {
        return hooks;
    }
    let settings = context.guidance().filter_map(|one| one.file(".claude/settings.json"));
    // Settings that it cannot read it would pass over too.
    let settings = settings.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    for mut settings in settings {
        let events = settings["hooks"].as_object_mut().map(std::mem::take).unwrap_or_default();
        for (event, added) in events {
            let all = hooks.entry(event).or_insert_with(|| json!([]));
            if let (Some(all), Value::Array(added)) = (all.as_array_mut(), added) {
                all.extend(added);
            }
        }
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::super::tests::context_with;
    use super::*;

    #[test]
    fn what_is_said_to_it_is_in_its_home() {
        let record = json!({
            "repositories": [{"name": "one", "url": "/r", "base": "b", "isShallow": true, "configuration": "", "guidance": {
                "CLAUDE.md": "of the repository", ".claude/skills/a/SKILL.md": "weak",
                ".claude/settings.json": "{\"hooks\": {\"Stop\": [1]}, \"env\": {\"A\": \"b\"}}",
            }}],
            "workflow": {"commit": "c", "path": "bugfix", "description": {"systemPrompt": "Fix bugs."}, "guidance": {
                "CLAUDE.md": "of the workflow", ".claude/skills/a/SKILL.md": "strong", "GEMINI.md": "not for it",
                ".claude/settings.json": "{\"hooks\": {\"Stop\": [2], \"Start\": [3]}}",
            }},
        });
        for (approval, hooks) in [("Auto", true), ("Ask", false)] {
            let (files, flags) = context_with(&json!({"approval": {"mode": approval}}), &record, prepare);
            let last = |name: &str| {
                files.iter().rfind(|file| file.path.ends_with(name)).map(|file| file.content.as_str())
            };
            assert_eq!(last(".claude/CLAUDE.md"), Some("of the repository\n\nof the workflow"));
            assert_eq!(last("skills/a/SKILL.md"), Some("strong"));
            assert_eq!(last(".claude/settings.json"), Some("{}"));
            let prompt = last("ambient-system-prompt.md").unwrap();
            let parts: Vec<_> = prompt.split("\n\n").collect();
            let [own, files, history] = parts[..] else { panic!("{prompt}") };
            assert_eq!((own, files), ("Fix bugs.", "The files of the workflow are in /w/.workflow/bugfix."));
            assert!(history.starts_with("Only the latest commits are checked out of: one."), "{history}");
            let both = r#"{"hooks":{"Start":[3],"Stop":[1,2]}}"#;
            assert_eq!(last("ambient-hooks.json"), hooks.then_some(both), "{approval}");
            let named: Vec<_> = flags.iter().filter(|word| word.starts_with("--")).collect();
            let expected = ["--append-system-prompt-file", "--settings"];
            assert_eq!(named, expected[..1 + usize::from(hooks)]);
        }
    }
}
