//! The result's `README.md`: what a person sees who opens the folder on a forge.
//!
//! Prompt, summary and tool output are untrusted text: they stand in fences that they cannot close, and links and
//! HTML in them stay text.

use std::fmt::Write as _;

use ambient_protocol::conversation::{Conversation, Entry};
use ambient_protocol::ledger::EndPhase;
use ambient_protocol::legible::legible;
use ambient_protocol::result::{Output, RunResult};

/// Most entries of the conversation that are shown; the transcript has them all.
const ENTRIES_SHOWN: usize = 40;
/// Most characters shown of one text.
const TEXT_SHOWN: usize = 1200;

/// Renders the page of one result.
#[must_use]
pub(crate) fn render_readme(result: &RunResult, conversation: &Conversation) -> String {
    let mut page = String::new();
    heading(&mut page, result);
    asked(&mut page, result);
    done(&mut page, result);
    changes(&mut page, result);
    brief(&mut page, conversation);
    facts(&mut page, result);
    page
}

fn heading(page: &mut String, result: &RunResult) {
    let title = result.display_name.clone().unwrap_or_else(|| result.run.slug());
    let mark = match result.outcome.phase {
        EndPhase::Completed => "✅",
        EndPhase::Failed => "❌",
        EndPhase::Stopped => "⏹",
    };
    let _ = writeln!(page, "# {}\n", inline(&title));
    let _ = write!(page, "{mark} **{}**", result.outcome.phase.as_str());
    if result.outcome.reason != result.outcome.phase.as_str() {
        let _ = write!(page, " ({})", inline(&result.outcome.reason));
    }
    let milliseconds = result.ended_at.as_millisecond() - result.started_at.as_millisecond();
    let _ = write!(page, " · {} · {}", duration(milliseconds), inline(&result.effective.runner_type));
    if let Some(model) = &result.effective.model {
        let _ = write!(page, " · {}", inline(model));
    }
    if let Some(cost) = result.usage.cost_usd {
        let _ = write!(page, " · ${cost:.4}");
    }
    page.push_str("\n\n");
    if !result.outcome.message.is_empty() && result.outcome.phase != EndPhase::Completed {
        let _ = writeln!(page, "> {}\n", inline(&result.outcome.message));
    }
}

fn asked(page: &mut String, result: &RunResult) {
    if !result.prompt.is_empty() {
        let _ = writeln!(page, "## What was asked\n\n{}", fence("text", &result.prompt));
    }
}

fn done(page: &mut String, result: &RunResult) {
    if !result.outcome.summary.is_empty() {
        let _ = writeln!(page, "## What was done\n\n{}", fence("text", &result.outcome.summary));
    }
}

fn changes(page: &mut String, result: &RunResult) {
    if result.outputs.is_empty() {
        return;
    }
    page.push_str("## What changed\n\n| repository | branch | commit | files | + | - | patch |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    for output in &result.outputs {
        let _ = writeln!(page, "{}", output_row(output));
    }
    page.push('\n');
    for output in result.outputs.iter().filter(|output| !output.refused.is_empty()) {
        let _ = writeln!(page, "Not pushed to {}:\n", code(&output.repo));
        list(page, &output.refused);
    }
    for output in result.outputs.iter().filter(|output| !output.left_out.is_empty()) {
        let _ = writeln!(page, "Left behind of {}:\n", code(&output.repo));
        list(page, &output.left_out);
    }
}

fn list(page: &mut String, reasons: &[String]) {
    reasons.iter().for_each(|reason| {
        let _ = writeln!(page, "- {}", inline(reason));
    });
    page.push('\n');
}

fn output_row(output: &Output) -> String {
    let branch = match &output.branch {
        Some(branch) => code(branch),
        None if !output.refused.is_empty() => "not pushed".to_owned(),
        None if output.patch.is_some() => "patch only".to_owned(),
        None => "unchanged".to_owned(),
    };
    let commit = output.commit.as_deref().map_or(String::new(), |commit| code(short(commit)));
    let patch = output.patch.as_deref().map_or(String::new(), |path| format!("[patch]({path})"));
    let diff = output.diff;
    format!(
        "| {} | {branch} | {commit} | {} | {} | {} | {patch} |",
        code(&output.repo),
        diff.files,
        diff.insertions,
        diff.deletions
    )
}

fn brief(page: &mut String, conversation: &Conversation) {
    if conversation.entries.is_empty() {
        return;
    }
    page.push_str("## The conversation in brief\n\n");
    let hidden = conversation.entries.len().saturating_sub(ENTRIES_SHOWN);
    if hidden > 0 {
        let _ = writeln!(page, "*{hidden} earlier entries are in the transcript only.*\n");
    }
    let (earlier, shown) = conversation.entries.split_at(hidden);
    // What had no effect is told at the beginning, and is to be seen.
    let notices = earlier.iter().filter(|entry| matches!(entry, Entry::Notice { .. })).take(ENTRIES_SHOWN);
    notices.chain(shown).for_each(|entry| page.push_str(&entry_text(entry)));
}

fn entry_text(entry: &Entry) -> String {
    match entry {
        Entry::User { text, .. } => format!("**User**\n\n{}\n", fence("text", text)),
        Entry::Assistant { text, .. } => format!("**Agent**\n\n{}\n", fence("text", text)),
        Entry::Reasoning { .. } => String::new(),
        Entry::Tool { name, arguments, result, .. } => {
            let returned = result.as_deref().unwrap_or("(no result)");
            let body = format!("{}\n{}", fence("json", arguments), fence("text", returned));
            format!(
                "<details><summary>Tool <code>{}</code></summary>\n\n{body}\n</details>\n\n",
                escape(name)
            )
        }
        Entry::Activity { activity, .. } => format!("*{}*\n\n", inline(activity)),
        Entry::Notice { text } => format!("> {}\n\n", inline(text)),
    }
}

fn facts(page: &mut String, result: &RunResult) {
    page.push_str("## Facts\n\n| | |\n|---|---|\n");
    let mut row = |name: &str, value: String| {
        let _ = writeln!(page, "| {name} | {value} |");
    };
    row("run", code(&result.run.to_string()));
    if let Some(source) = &result.source {
        let commit = source.commit.as_deref().map(short).unwrap_or_default();
        row("manifest", code(format!("{} @ {commit} of {}", source.path, source.repository).as_str()));
    }
    row("started", result.started_at.to_string());
    row("ended", result.ended_at.to_string());
    let usage = &result.usage;
    let tokens = format!(
        "{} in ({} cached), {} out",
        usage.input_tokens, usage.cached_input_tokens, usage.output_tokens
    );
    row("tokens", tokens);
    row("turns", usage.turns.to_string());
    row("cost", usage.cost_usd.map_or("unknown".to_owned(), |cost| format!("${cost:.6}")));
    row("redactions", result.redactions.to_string());
    if let Some(transcript) = &result.transcript {
        row("transcript", format!("{} ({} events)", code(&transcript.reference), transcript.events));
    }
    row("executed by", code(&result.executed_by.installation));
    page.push_str("\nAll of it, for programs: [result.yaml](result.yaml)\n");
}

/// A fenced block whose fence is longer than any run of backticks in the text.
fn fence(language: &str, text: &str) -> String {
    let text = cut(legible(text).trim_end());
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

fn code(text: &str) -> String {
    let text = legible(text).replace(['\n', '\t'], " ").replace('|', "\\|").replace('`', "'");
    format!("`{text}`")
}

/// One line of text in which nothing is markup.
fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in cut(&legible(text)).chars() {
        match letter {
            '\n' | '\r' => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '&' => {
                safe.push('\\');
                safe.push(letter);
            }
            _ => safe.push(letter),
        }
    }
    safe
}

fn escape(text: &str) -> String {
    legible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT_SHOWN {
        return text.to_owned();
    }
    let kept: String = text.chars().take(TEXT_SHOWN).collect();
    format!("{kept} […]")
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn duration(milliseconds: i64) -> String {
    match milliseconds.max(0) {
        short @ 0..60_000 => format!("{}.{} s", short / 1000, short % 1000 / 100),
        long => format!("{} min {} s", long / 60_000, long % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests;
