// SPDX-License-Identifier: Apache-2.0
import Bytes

/// What a new connection says before it may be used.
package struct RedisLogin: Sendable, Equatable {
    /// Nil for the default user.
    package var user: String?
    package var password: String?
    package var database: Int
    /// What CLIENT LIST shows.
    package var clientName: String

    package init(user: String? = nil, password: String? = nil, database: Int = 0, clientName: String = "larder") {
        self.user = user
        self.password = password
        self.database = database
        self.clientName = clientName
    }

    enum Step: Sendable { case authenticate, select, setName, ping }

    /// The last one is a probe: a server that loads refuses it.
    var steps: [Step] {
        (password == nil ? [] : [.authenticate]) + (database == 0 ? [] : [.select]) + [.setName, .ping]
    }

    func write(_ step: Step, into output: inout ByteBuffer) {
        switch step {
        case .authenticate:
            output.beginCommand("AUTH", arguments: user == nil ? 1 : 2)
            if let user { output.argument(user) }
            output.argument(password ?? "")
        case .select:
            output.beginCommand("SELECT", arguments: 1)
            output.argument(decimal: database)
        case .setName:
            output.beginCommand("CLIENT", arguments: 2)
            output.argument("SETNAME")
            output.argument(clientName)
        case .ping: output.beginCommand("PING", arguments: 0)
        }
    }
}
