// SPDX-License-Identifier: Apache-2.0
import Bytes
import ConfigLanguage
import EventIO
import Settings
import Storage
import Telemetry

/// A new configuration, whole or not at all (promise 9).
extension Control {
    struct ReloadResult: Sendable {
        var errors: [ConfigDiagnostic] = []
        /// Why the file could not be read.
        var problem: String?
        var warnings: [String] = []

        var succeeded: Bool { errors.isEmpty && problem == nil }
    }

    /// Calls `completion` when all workers have adopted the configuration, or at once when it was refused.
    func reload(cause: String, completion: @escaping (ReloadResult) -> Void) {
        tell(.reloading(monotonicNanoseconds: kernel.monotonicNanoseconds()), status: "reading \(source.path)")
        let report = source.read()
        var result = ReloadResult()
        result.warnings = report.diagnostics.filter { $0.severity == .warning }.map(\.description)
        guard let settings = report.settings else {
            result.errors = report.diagnostics.filter { $0.severity == .error }
            result.problem = report.fileProblem.map { "cannot read \(source.path): \($0.reason)" }
            return refuse(result, cause: cause, completion: completion)
        }
        let plan = ReloadPlan(from: snapshot.settings, to: settings)
        result.errors = plan.needsRestart.map { report.error(at: $0, "\"\($0)\" cannot be changed without a restart") }
        guard result.succeeded, let logs = openLogs(plan, settings, report, &result) else {
            return refuse(result, cause: cause, completion: completion)
        }
        apply(settings, plan, logs)
        for warning in result.warnings { events.write(.warning, "configuration_warning", ["text": .text(warning)]) }
        lastReload = (true, loop.now.wallSeconds)
        let next = snapshot
        WorkerPoll.start(links, on: loop, { $0.adopt(next) }) { [weak self] answers in
            guard let self else { return }
            let silent = answers.filter { $0 == nil }.count
            events.write(
                .notice, "reloaded",
                [
                    "cause": .text(cause), "routes": .number(settings.routes.count),
                    "upstreams": .number(settings.upstreams.count), "workers_pending": .number(silent),
                ])
            tell(.ready, status: "serving with a new configuration")
            completion(result)
        }
    }

    private func refuse(_ result: ReloadResult, cause: String, completion: (ReloadResult) -> Void) {
        lastReload.succeeded = false
        for error in result.errors {
            events.write(
                .error, "configuration_error",
                [
                    "place": .text("\(error.file):\(error.line):\(error.column)"), "text": .text(error.message),
                ])
        }
        if let problem = result.problem { events.write(.error, "configuration_error", ["text": .text(problem)]) }
        events.write(
            .error, "reload_refused",
            ["cause": .text(cause), "errors": .number(max(1, result.errors.count)), "kept": .text("old configuration")])
        tell(.ready, status: "the new configuration was refused, serving with the old one")
        completion(result)
    }

    /// Nothing of it can fail any more.
    private func apply(_ settings: ProxySettings, _ plan: ReloadPlan, _ logs: OpenedLogs) {
        if let settings = settings.admin { admin?.gate = AdminGate(settings) }
        snapshot = ProxySnapshot(settings, workerCount: links.count, ownName: snapshot.ownName)
        if let level = plan.logLevel { events.setLevel(EventLevel(level)) }
        if plan.maxObjectChanges { store.setMaximumEntry(bytes: Proxy.largestEntryBytes(settings)) }
        if plan.changesMemory { memory.configure(settings.memory) }
        if let target = logs.events { proxy.redirectEvents(to: target) }
        if plan.changesAccessLog {
            proxy.access = logs.access
            for link in links { link.post { [access = logs.access] in $0.replaceLog(access) } }
        }
        limitMemory()
    }

    /// What a new configuration logs to, open before anything of it is in force.
    private struct OpenedLogs {
        var access: AccessLogTarget?
        var events: LogSink.Target?
    }

    /// nil when one of them cannot be opened, which `result` tells then.
    private func openLogs(
        _ plan: ReloadPlan, _ settings: ProxySettings, _ report: SettingsReport, _ result: inout ReloadResult
    ) -> OpenedLogs? {
        var logs = OpenedLogs()
        var directive = "event_log"
        do throws(SystemError) {
            logs.events = try plan.eventDestination.map { destination throws(SystemError) in
                try proxy.eventSink.open(destination)
            }
            directive = "access_log"
            if plan.changesAccessLog { logs.access = try proxy.openAccessLog(settings.log) }
            return logs
        } catch {
            if let target = logs.events { proxy.eventSink.discard(target) }
            result.errors.append(report.error(at: directive, "\"\(directive)\" cannot be opened: \(error)"))
            return nil
        }
    }
}
