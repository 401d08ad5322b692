// SPDX-License-Identifier: Apache-2.0
import EventIO
import Settings
import Telemetry

/// Where requests are logged, and in which form.
struct AccessLogTarget: Sendable {
    let sink: LogSink
    let format: AccessLog.Format
    /// Of query parameters that are not logged.
    let redaction: QueryRedaction
    let losses: LogLossCounts

    /// nil when they are not logged.
    init?(
        _ settings: LogSettings, kernel: Kernel, mailbox: Mailbox, losses: LogLossCounts, events: EventLogWriter
    ) throws(SystemError) {
        switch settings.accessFormat {
        case .off: return nil
        case .json: format = .json
        case .combined: format = .combined
        }
        redaction = QueryRedaction(names: settings.redactedParameters)
        self.losses = losses
        sink = try LogSink(
            kernel: kernel, mailbox: mailbox, to: settings.accessDestination, losses: losses
        ) { [weak events] in events?.tell($0, of: "access_log") }
    }
}

extension Proxy {
    /// After a rotation; answers which files could not be opened anew.
    func reopenLogs() -> [(path: String, error: SystemError)] {
        var failures: [(path: String, error: SystemError)] = []
        for sink in [eventSink, access?.sink].compactMap({ $0 }) {
            do throws(SystemError) {
                try sink.reopen()
            } catch {
                failures.append((sink.path ?? "", error))
            }
        }
        return failures
    }

    /// Opens what a new configuration asks for; workers have yet to be told.
    func openAccessLog(_ settings: LogSettings) throws(SystemError) -> AccessLogTarget? {
        try AccessLogTarget(
            settings, kernel: kernel, mailbox: blockingLoop.mailbox, losses: accessLosses, events: events)
    }

    func redirectEvents(to target: LogSink.Target) { eventSink.redirect(to: target) }

    /// What is handed over already is written before the log thread ends, if somebody reads it.
    func finishLogs() {
        for sink in [access?.sink, eventSink].compactMap({ $0 }) { sink.finish(patience: .milliseconds(200)) }
    }

    /// How many lines are lost, by log and reason.
    var lostLogLines: [LogLossReading] {
        [("access_log", accessLosses), ("event_log", eventLosses)].flatMap { log, losses in
            LogLoss.allCases.map { LogLossReading(log: log, reason: "\($0.label)", lines: losses[$0]) }
        }
    }
}
