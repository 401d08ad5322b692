// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Nodes
import Redis
import Storage
import Telemetry

/// Which log there is, before it is read: `LogName`.
extension SharedLog {
    /// Both connections must lead to one Redis: what was written on the one is to be read on the other.
    func identify() {
        let session = session
        askLog({ $0.command("INFO", "server") }) { [weak self] reply in
            guard let self, self.session == session else { return }
            let followed = LogReplies.server(reply)
            askOrStartAnew({ $0.command("INFO", "server") }) { [weak self] reply in
                guard let self else { return }
                server = LogReplies.server(reply)
                guard server == followed else { return startAnew() }
                if !server.isKnown { events.write(.warning, "log_server_unknown", ["error": .text(reply.text.text())]) }
                nameLog()
            }
        }
    }

    private func nameLog() {
        readRegister { [weak self] reading in
            guard let self else { return }
            guard let name = reading.log, name.server == server.run else { return beginLog() }
            register.adopted(name.generation, settled: reading.settled, now: loop.now)
            perform(follower.connected(to: name.generation, isContinuous: store.isConfirmed(loop.now)))
        }
    }

    /// Another log, under a name that nobody has heard of yet. Should two nodes do so at once, the later has its way;
    /// the earlier finds out when it has read the log.
    func beginLog() {
        let name = LogName(LogGeneration(number: max(1, loop.kernel.randomUInt64())), server: server.run)
        let mark = LogEntry(node: register.own, ownEpoch: 0, isSoft: false, wantsConfirmation: false, rules: [])
        let arguments = [Array(keys.log.utf8), [ASCII.star]] + mark.fields
        askOrStartAnew({ [keys] in $0.command("HSET", keys.nodes, RegisterReading.Name.log, name.text) }) {
            [weak self] reply in
            guard let self else { return }
            guard reply.integer(of: reply.root) != nil else { return refused(reply, "HSET") }
            askOrStartAnew({ $0.command("XADD", arguments) }) { [weak self] reply in
                guard let self else { return }
                guard LogReplies.epoch(reply) != nil else { return refused(reply, "XADD") }
                events.write(.notice, "log_begun", ["log": .text(name.generation.text)])
                readAnew()
            }
        }
    }

    /// A question without whose answer the log cannot be read.
    func askOrStartAnew(
        _ write: (inout ByteBuffer) -> Void, answered: @escaping (borrowing RESPReply) -> Void
    ) {
        let session = session
        ask(
            failed: { [weak self] _ in
                guard let self, self.session == session, isAttached, !isInTouch else { return }
                startAnew()
            }, write,
            answered: { [weak self] reply in if let self, self.session == session { answered(reply) } })
    }
}
