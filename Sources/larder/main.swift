// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage
import Glibc
import Settings

let command = Command(files: .system, environment: ConfigFiles.systemEnvironment)
switch command.outcome(ProgramArguments.read()) {
case .finished(let output, let errors, let status):
    StandardStreams.write(errors, to: .error)
    StandardStreams.write(output, to: .output)
    exit(status)
case .serve(let settings, let path, let errors):
    StandardStreams.write(errors, to: .error)
    exit(runServer(settings: settings, path: path))
}
