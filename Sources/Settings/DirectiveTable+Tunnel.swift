// SPDX-License-Identifier: Apache-2.0
import ConfigLanguage

extension DirectiveTable {
    static let upgrade = Directive<RouteDraft>(
        "upgrade", in: \.settings,
        [
            Parameter.list(
                "PROTOCOLS", "PROTOCOL", \.upgrades, none: ("off", "none"),
                "A name stands for all versions of the protocol.", check: TextCheck.protocolName
            ).required
        ], "Names the protocols that clients may change to, as websocket (RFC 9110 §7.8).",
        "A request for others is answered as if it had not asked, and so is one with a body. What passes after the "
            + "change is neither looked at nor stored: of h2c no rule of this file would hold.",
        example: "upgrade websocket,chat/2")

    static let tunnel = Directive<RouteDraft>(
        "tunnel", in: \.settings.tunnel,
        keys: [
            .duration(
                "idle", \.idleMilliseconds, 0...7 * day, off: "no limit",
                "One on which no byte passes for so long, in either direction, is ended."),
            .number("max", \.max, 1...1_000_000, "Open or asked for at once, over all workers; past it 503."),
        ], "Limits the connections of the route that have changed to another protocol.",
        "timeout idle and the client's limits do not end them.", example: "tunnel idle=10m max=5000")
}
