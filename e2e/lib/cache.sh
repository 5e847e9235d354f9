# shellcheck shell=bash
# Where programs that tests need and nobody installs otherwise are kept: AMBIENT_E2E_CACHE, or the user's cache.

# cached NAME: the folder of one of them, which is made.
cached() {
  local folder=${AMBIENT_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ambient-e2e}/$1
  mkdir -p "$folder"
  echo "$folder"
}

# npm_program CACHE PACKAGE FILE: the file of an npm package, which is installed if it is not there.
npm_program() {
  local folder
  folder=$(cached "$1")
  [ -x "$folder/node_modules/$3" ] ||
    npm install --prefix "$folder" --no-package-lock --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$2" >&2
  echo "$folder/node_modules/$3"
}

# claude_program: Claude Code, pinned.
claude_program() {
  local platform
  platform=$(node -p 'process.platform + "-" + process.arch')
  npm_program claude-2.1.197 @anthropic-ai/claude-code@2.1.197 "@anthropic-ai/claude-code-$platform/claude"
}

# gemini_program: Gemini CLI, pinned.
gemini_program() {
  npm_program gemini-0.61.0 @google/gemini-cli@0.61.0 .bin/gemini
}
