// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import EventIO
import Server
import Settings

/// Serves until a signal ends it, and answers the exit status.
func runServer(settings: ProxySettings, path: String) -> Int32 {
    let source = ConfigurationSource(path: path) {
        SettingsParser.parse(path: path, environment: ConfigFiles.systemEnvironment, files: .system)
    }
    do throws(StartError) {
        return try LarderProcess.serve(
            settings, source: source, version: Command.version,
            notifySocket: ConfigFiles.systemEnvironment("NOTIFY_SOCKET"))
    } catch {
        StandardStreams.write("\(path): error: \(error)\n", to: .error)
        return Command.refused
    }
}
