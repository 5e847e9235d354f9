//! Words with a meaning: enums whose wire form, list of values and explanation come from one place.
//!
//! Phases, policies and condition reasons are read by people (`kubectl`, the dashboard, the documentation), so each
//! value carries its text. The doc comment of a variant is that text.

/// Declares an enum of wire words: serde, JSON schema, `ALL`, `as_str`, `text` and `Display` follow from one table. `default X` after the name adds `Default`.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        pub enum $name:ident $(default $default:ident)? {
            $( $(#[doc = $text:literal])+ $variant:ident = $wire:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $( $(#[doc = $text])+ #[serde(rename = $wire)] $variant, )+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is written in manifests and statuses.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire),+ }
            }

            /// What the word means, for people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => concat!($($text),+).trim_ascii()),+ }
            }
        }

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($wire),+] })
            }
        }
    };
}

pub(crate) use vocabulary;
