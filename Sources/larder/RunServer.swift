// SPDX-License-Identifier: Apache-2.0
import Settings

/// Serves until a signal ends it, and answers the exit status.
func runServer(settings: ProxySettings, path: String) -> Int32 {
    StandardStreams.write("larder serve: \(path) is right, but this build cannot serve yet\n", to: .error)
    return 1
}
