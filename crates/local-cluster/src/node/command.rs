//! A container's program and arguments: pure, from its image's entry point and its own words.

use k8s_openapi::api::core::v1::Container;

use super::{
    config::{ImageCommand, ImageTable},
    environment::{Environment, expand},
    hindrance::{Hindrance, HindranceKind},
    mounts::Mounts,
};

/// What an image is on this machine.
pub(crate) fn find_image<'a>(
    images: &'a ImageTable,
    container: &Container,
) -> Result<&'a ImageCommand, Hindrance> {
    let image = container.image.as_deref().unwrap_or_default();
    images.get(image).or_else(|| images.get(repository(image))).ok_or_else(|| unknown(images, container))
}

/// The program and its arguments, references expanded and mount paths rewritten.
pub(crate) fn command_line(
    container: &Container,
    image: &ImageCommand,
    environment: &Environment,
    mounts: &Mounts,
) -> (String, Vec<String>) {
    let rewritten = |text: &String| mounts.rewrite(&expand(text, environment));
    let command = container.command.as_deref().unwrap_or_default();
    let arguments = container.args.as_deref().unwrap_or_default();
    match (command.split_first(), arguments.is_empty()) {
        (Some((program, rest)), _) => {
            (rewritten(program), rest.iter().chain(arguments).map(rewritten).collect())
        }
        (None, false) => (image.program.display().to_string(), arguments.iter().map(rewritten).collect()),
        (None, true) => (image.program.display().to_string(), image.arguments.clone()),
    }
}

/// An image's name without tag and digest. A colon before the last slash is a port's.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn unknown(images: &ImageTable, container: &Container) -> Hindrance {
    let image = container.image.as_deref().unwrap_or_default();
    let known: Vec<&str> = images.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    if container.image_pull_policy.as_deref() == Some("Never") {
        let message =
            format!("Container image \"{image}\" is not present with pull policy of Never (known: {known})");
        return Hindrance::of_container(&container.name, HindranceKind::ImageNeverPulled, message);
    }
    let message = format!(
        "Back-off pulling image \"{image}\": this node pulls nothing, and the image is not in its table (known: {known})"
    );
    Hindrance::of_container(&container.name, HindranceKind::Image, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn container(fields: Value) -> Container {
        let mut fields = fields;
        fields["name"] = "c".into();
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn command_and_arguments_replace_those_of_the_image() {
        let image = ImageCommand {
            program: "/bin/run".into(),
            arguments: vec!["default".into()],
            environment: Vec::new(),
        };
        let environment = Environment::from([("A".to_owned(), "1".to_owned())]);
        let mut mounts = Mounts::default();
        mounts.insert("/data", "/folder");
        for (fields, expected) in [
            (json!({}), vec!["/bin/run", "default"]),
            (json!({ "args": ["/data/x", "$(A)"] }), vec!["/bin/run", "/folder/x", "1"]),
            (json!({ "command": ["/data/tool"] }), vec!["/folder/tool"]),
            (json!({ "command": ["sh", "-c"], "args": ["echo $(A)"] }), vec!["sh", "-c", "echo 1"]),
        ] {
            let (program, arguments) = command_line(&container(fields), &image, &environment, &mounts);
            let found: Vec<String> = std::iter::once(program).chain(arguments).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn images_are_found_by_name_with_or_without_tag() {
        let image =
            |program: &str| ImageCommand { program: program.into(), arguments: vec![], environment: vec![] };
        let images = ImageTable::from([
            ("runner".to_owned(), image("a")),
            ("host:5000/tool".to_owned(), image("b")),
            ("tool:1".to_owned(), image("c")),
        ]);
        for (name, expected) in [
            ("runner", Some("a")),
            ("runner:v1", Some("a")),
            ("runner@sha256:00", Some("a")),
            ("host:5000/tool", Some("b")),
            ("host:5000/tool:2", Some("b")),
            ("tool:1", Some("c")),
            ("tool:2", None),
            ("host:5000/other", None),
        ] {
            let found = find_image(&images, &container(json!({ "image": name })));
            let program = found.ok().map(|image| image.program.display().to_string());
            assert_eq!(program.as_deref(), expected, "{name}");
        }
        let hindrance = find_image(&images, &container(json!({ "image": "x" }))).unwrap_err();
        assert_eq!(hindrance.waiting_reason(), Some("ImagePullBackOff"));
        assert!(
            hindrance.message.contains("\"x\"")
                && hindrance.message.contains("host:5000/tool, runner, tool:1")
        );
        let never = container(json!({ "image": "x", "imagePullPolicy": "Never" }));
        assert_eq!(find_image(&images, &never).unwrap_err().waiting_reason(), Some("ErrImageNeverPull"));
    }
}
