//! What was found, for people and for programs.

use ambient_crds::finding::Finding;
use ambient_reconciler_git::Judgement;
use serde::Serialize;

use crate::arguments::OutputFormat;
use crate::output;

/// All that is said of the files.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    files: usize,
    objects: usize,
    /// JSON files of other programs, which a source passes over.
    foreign: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<Line>,
}

/// One finding, in the words of programs.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    line: u32,
    column: u32,
    code: &'static str,
    severity: &'static str,
    message: String,
}

impl Report {
    pub(super) fn of(files: usize, judgement: Judgement) -> Self {
        let errors = judgement.findings.iter().filter(|finding| finding.is_error()).count();
        let warnings = judgement.findings.len() - errors;
        let findings = judgement.findings.into_iter().map(Line::of).collect();
        Self { files, objects: judgement.objects, foreign: judgement.foreign, errors, warnings, findings }
    }

    /// Whether something would not be applied.
    pub(super) fn is_refused(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn print(&self, format: OutputFormat) -> serde_json::Result<()> {
        match format {
            OutputFormat::Json => output::data(&serde_json::to_string(self)?),
            OutputFormat::Text => {
                self.findings.iter().for_each(|line| output::data(&line.text()));
                output::note(&self.summary());
            }
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let counted =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let foreign = match self.foreign {
            0 => String::new(),
            some => format!("; passed over as no manifest: {}", counted(some, "JSON file")),
        };
        format!(
            "{} in {}: {}, {}{foreign}",
            counted(self.objects, "valid object"),
            counted(self.files, "file"),
            counted(self.errors, "error"),
            counted(self.warnings, "warning")
        )
    }
}

impl Line {
    fn of(finding: Finding) -> Self {
        Self {
            severity: if finding.is_error() { "error" } else { "warning" },
            code: finding.code.as_str(),
            file: finding.place.file,
            line: finding.place.line,
            column: finding.place.column,
            message: finding.message,
        }
    }

    fn text(&self) -> String {
        let Self { file, line, column, code, message, .. } = self;
        output::clean(&format!("{file}:{line}:{column} {code} {message}"))
    }
}
