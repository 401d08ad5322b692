// SPDX-License-Identifier: Apache-2.0

/// One of `ServerTexts`: an answer carries it instead of a text, which would be counted for each request.
struct ServerNumber {
    fileprivate let index: Int32

    /// Nobody was asked.
    static let none = ServerNumber(index: 0)
}

/// How the access log calls the servers of all upstreams that a worker has had. It grows by what a reload adds.
struct ServerTexts {
    private var texts: [ContiguousArray<UInt8>] = [[]]

    mutating func number(of address: String) -> ServerNumber {
        let text = ContiguousArray(address.utf8)
        if let known = texts.firstIndex(of: text) { return ServerNumber(index: Int32(known)) }
        texts.append(text)
        return ServerNumber(index: Int32(texts.count - 1))
    }

    subscript(_ number: ServerNumber) -> ContiguousArray<UInt8> { texts[Int(number.index)] }
}
