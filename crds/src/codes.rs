//! The numbered codes of errors and warnings about manifests.
//!
//! A code never changes its meaning and is never given away again. 10xx: reading; 11xx: which object a document is;
//! 12xx: its schema; 13xx: what no schema can say; 14xx: its place among others; 19xx: warnings.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// A stable code of an error or a warning.
    pub enum Code {
        /// The file is not UTF-8 text. Save it as UTF-8.
        NotText = "AMB1001",
        /// The document is not YAML. The message names the place where reading stopped.
        Syntax = "AMB1002",
        /// A mapping has the same key twice. Remove one of them.
        DuplicateKey = "AMB1003",
        /// The file, a document, or what its aliases expand to is too large. Split it.
        TooLarge = "AMB1004",
        /// The document is not a mapping, so it describes no object.
        NotAnObject = "AMB1005",
        /// The file cannot be read from the repository. Nothing that was last recorded there is deleted.
        Unreadable = "AMB1006",
        /// `apiVersion`, `kind` or `metadata.name` is missing or is not text. Only a `.json` file may lack the first two: it is
        /// passed over as no manifest.
        NoIdentity = "AMB1101",
        /// Ambient does not carry this kind. Use Flux, Argo CD or `kubectl` for it.
        UnknownKind = "AMB1102",
        /// A Secret stands in Git. Remove it, and change the secret: history is for ever.
        SecretInGit = "AMB1103",
        /// The kind is ours, the version is not one that is served.
        UnknownVersion = "AMB1104",
        /// The name is not one the object may have.
        InvalidName = "AMB1105",
        /// The document sets what only the platform or the API server sets, such as `status` or `metadata.uid`.
        ControlField = "AMB1106",
        /// The schema does not know the field. The message names similar ones, if any.
        UnknownField = "AMB1201",
        /// The value has the wrong type.
        WrongType = "AMB1202",
        /// A required field is missing.
        MissingField = "AMB1203",
        /// The value is out of its bounds, or is not one of those allowed.
        InvalidValue = "AMB1204",
        /// A rule of the schema about several fields is broken.
        BrokenRule = "AMB1205",
        /// `stop` and `wake` are set by users' clients only. Use `desiredPhase` in a manifest.
        LatchInManifest = "AMB1301",
        /// Two repositories of a session would be cloned into the same folder.
        SameFolder = "AMB1302",
        /// The environment variable belongs to the platform, or its name is none.
        EnvironmentName = "AMB1303",
        /// An MCP server's configuration is too large.
        McpServerSize = "AMB1304",
        /// Git does not allow this as the name of a branch or tag.
        InvalidRefName = "AMB1305",
        /// A URL carries a password or token. Put it into a Secret, and change it: history is for ever.
        CredentialsInUrl = "AMB1306",
        /// Results would be written to the branch that is synced.
        ResultsIntoSource = "AMB1307",
        /// Sessions depend on each other in a circle.
        DependencyCircle = "AMB1309",
        /// The schedule is none of cron's, with five fields, or its short words.
        InvalidSchedule = "AMB1310",
        /// The time zone is not in the IANA database.
        InvalidTimeZone = "AMB1311",
        /// The same object is described twice; the message names both places.
        Duplicate = "AMB1401",
        /// The source may not hold objects of this namespace.
        OtherNamespace = "AMB1402",
        /// The source may not hold objects of this kind.
        KindNotAllowed = "AMB1403",
        /// The object needs a namespace, or must not have one.
        NamespaceMismatch = "AMB1404",
        /// The object belongs to another source.
        OwnedElsewhere = "AMB1405",
        /// Another manager owns a field of the object.
        FieldConflict = "AMB1406",
        /// The API server refused the object.
        ApplyRefused = "AMB1407",
        /// The field is deprecated and has no effect.
        DeprecatedField = "AMB1901",
    }
}

impl Code {
    /// Whether the document is applied all the same.
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::DeprecatedField)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn codes_are_distinct_explained_and_in_order() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let distinct: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(distinct.len(), codes.len());
        assert!(codes.is_sorted());
        for code in Code::ALL {
            assert!(code.text().ends_with('.'), "{code} needs a sentence: {}", code.text());
            assert_eq!(code.is_warning(), code.as_str().starts_with("AMB19"), "{code}");
        }
    }
}
