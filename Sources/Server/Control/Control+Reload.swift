// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Settings
import Telemetry

/// A new configuration, whole or not at all (promise 9).
extension Control {
    struct ReloadResult: Sendable {
        var errors: [SettingsDiagnostic] = []
        /// Why the file could not be read.
        var problem: String?
        var warnings: [String] = []
        var needsRestart: [String] = []

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
        result.needsRestart = apply(settings)
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
        lastReload = (false, loop.now.wallSeconds)
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

    /// Answers what needs a restart.
    private func apply(_ settings: ProxySettings) -> [String] {
        let plan = ReloadPlan(from: snapshot.settings, to: settings)
        // What was written for another address may be too little for the one that is open until the restart.
        if let admin = settings.admin, admin.address == snapshot.settings.admin?.address {
            self.admin?.gate = AdminGate(admin)
        }
        snapshot = ProxySnapshot(settings, workerCount: links.count)
        if let level = plan.logLevel { events.setLevel(EventLevel(level)) }
        if plan.changesMemory { memory.configure(settings.memory) }
        var needsRestart = plan.needsRestart
        if plan.changesAccessLog || plan.eventDestination != nil { needsRestart += redirectLogs(plan, settings) }
        for directive in needsRestart {
            events.write(.warning, "restart_needed", ["directive": .text(directive)])
        }
        limitMemory()
        return needsRestart
    }

    /// Answers what could not be redirected.
    private func redirectLogs(_ plan: ReloadPlan, _ settings: ProxySettings) -> [String] {
        var failed: [String] = []
        if let destination = plan.eventDestination {
            do throws(SystemError) {
                try proxy.redirectEvents(to: destination)
            } catch {
                events.write(.error, "log_not_opened", ["log": .text("log"), "error": .text("\(error)")])
                failed.append("log")
            }
        }
        guard plan.changesAccessLog else { return failed }
        do throws(SystemError) {
            let access = try proxy.openAccessLog(settings.log)
            for link in links { link.post { $0.replaceLog(access) } }
        } catch {
            events.write(.error, "log_not_opened", ["log": .text("access_log"), "error": .text("\(error)")])
            failed.append("access_log")
        }
        return failed
    }
}
