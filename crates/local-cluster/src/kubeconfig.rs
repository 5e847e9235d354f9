//! The kubeconfig of a cluster that is served over loopback HTTP.

use serde_json::Value;

/// A kubeconfig for a server's address and a token, as YAML.
///
/// `kubectl` leaves out a kubeconfig's credentials where the server is plain HTTP. What it does send is the
/// user part of the server's address, so the token is there too, as a password.
pub(crate) fn kubeconfig(server_url: &str, token: &str) -> String {
    let server = match server_url.split_once("://") {
        Some(("http", rest)) => format!("http://token:{}@{rest}", percent_encoded(token)),
        _ => server_url.to_owned(),
    };
    // A JSON string is a YAML string.
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        "\
apiVersion: v1
kind: Config
current-context: local
clusters:
- name: local
  cluster:
    server: {server}
contexts:
- name: local
  context:
    cluster: local
    user: local
    namespace: default
users:
- name: local
  user:
    token: {token}
",
        server = quoted(&server),
        token = quoted(token),
    )
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reaches_kubectl_over_http() {
        let text = kubeconfig("http://127.0.0.1:1", "a+b");
        let config: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(config["clusters"][0]["cluster"]["server"], "http://token:a%2Bb@127.0.0.1:1");
        assert_eq!(config["users"][0]["user"]["token"], "a+b");
    }
}
