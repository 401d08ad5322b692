// SPDX-License-Identifier: Apache-2.0
import Bytes
import CacheRules
import EventIO
import HTTPMessages
import Settings

/// A connection that has changed its protocol (RFC 9110 §7.8), and what of it has ended.
final class Tunnel: Deadline {
    private weak var exchange: Exchange?
    private let idleNanoseconds: Int64
    var clientHasEnded = false
    var originHasEnded = false

    init(_ exchange: Exchange) {
        self.exchange = exchange
        idleNanoseconds = Int64(exchange.request.route.settings.tunnel.idleMilliseconds) * 1_000_000
        super.init()
        attachDeadline(to: exchange.worker.loop)
    }

    /// How long a side that has ended is waited for without a byte from the other.
    static var endMilliseconds: Int { 30_000 }

    /// Bytes have passed, in whichever direction: the time without any begins anew.
    func moved() {
        var limit = idleNanoseconds > 0 ? idleNanoseconds : Int64.max
        if clientHasEnded || originHasEnded { limit = min(limit, Int64(Self.endMilliseconds) * 1_000_000) }
        if limit == .max { return clearDeadline() }
        setDeadline(nanoseconds: loop.now.monotonicNanoseconds + limit)
    }

    override func deadlinePassed() { exchange?.tunnelIsIdle() }
}

/// Bytes pass both ways, at the pace of whoever takes them, until both sides have ended. The end of one side is
/// passed on behind all that it sent, a reset at once.
extension Exchange {
    var isTunnel: Bool {
        if case .tunnel = intake { true } else { false }
    }

    // MARK: Places

    /// False when the route has as many as it may.
    func takeTunnelPlace() -> Bool {
        if tunnelClient != nil { return true }
        let (route, client) = (request.route, worker.poolClient(of: self))
        guard worker.shared.tunnels.enter(route.label, client, limit: route.settings.tunnel.max) else { return false }
        tunnelClient = client
        return true
    }

    /// There is no tunnel any more, or there will be none.
    func leaveTunnel() {
        if case .tunnel(let tunnel) = intake { tunnel.cancelDeadline() }
        guard let client = tunnelClient else { return }
        tunnelClient = nil
        worker.shared.tunnels.leave(request.route.label, client, wasOpen: isTunnel)
    }

    // MARK: Beginning

    func beginTunnel(_ response: borrowing ResponseHead) {
        answer.outcome = .pass
        guard request.wantsUpgrade, request.route.upgrades.permits(response.fields, askedBy: head.fields),
            let client = clientToWriteTo()
        else {
            upstream?.abandon()
            upstream = nil
            return fail(Status(502), detail: "unasked-upgrade")
        }
        delivery.begin(status: response.status, contentLength: nil)
        ResponseHeadWriter.writeUpgrade(response, into: &worker.output)
        let tunnel = Tunnel(self)
        intake = .tunnel(tunnel)
        worker.shared.tunnels.opened(request.route.label)
        tunnel.moved()
        client.flush()
        // The client may have begun to speak before it heard.
        worker.loop.later { [self] in self.client?.advance() }
    }

    // MARK: Going on

    func clientTakesMore(_ tunnel: Tunnel) {
        tunnel.moved()
        guard let client, client.pendingByteCount <= worker.relayHighWaterBytes / 2 else { return }
        upstream?.resume()
    }

    // MARK: Ending

    func clientEndedTunnel() {
        guard case .tunnel(let tunnel) = intake else { return }
        tunnel.clientHasEnded = true
        upstream?.endStream()
        endTunnel(tunnel)
    }

    func originEndedTunnel() {
        guard case .tunnel(let tunnel) = intake, let client else { return }
        tunnel.originHasEnded = true
        client.flush()
        client.endStream()
        endTunnel(tunnel)
    }

    private func endTunnel(_ tunnel: Tunnel) {
        if tunnel.clientHasEnded, tunnel.originHasEnded { return finishTunnel() }
        tunnel.moved()
    }

    func tunnelIsIdle() {
        answer.detail = "tunnel-idle"
        finishTunnel()
    }

    /// Both sides end, behind what is still on its way to them (RFC 9110 §9.3.6).
    private func finishTunnel() {
        let upstream = self.upstream
        self.upstream = nil
        upstream?.endTunnel()
        finish(status: Status(101))
    }

    /// The client's connection is gone.
    func clientLeftTunnel() {
        guard case .tunnel(let tunnel) = intake else { return }
        let (client, upstream) = (self.client, self.upstream)
        self.client = nil
        self.upstream = nil
        if tunnel.clientHasEnded { upstream?.endTunnel() } else { upstream?.breakTunnel() }
        over(status: Status(101), client: client)
    }

    /// The server's connection is gone, and has let go of this exchange already.
    func tunnelFailed(detail: StaticString) {
        guard case .tunnel(let tunnel) = intake else { return }
        if tunnel.originHasEnded { return finish(status: Status(101)) }
        breakOff(detail: detail)
    }
}
