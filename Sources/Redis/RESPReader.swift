// SPDX-License-Identifier: Apache-2.0
import CHiredis

/// What a reply may be at most.
package struct RESPLimits: Sendable {
    /// Of one reply, protocol included.
    package var replyBytes: Int
    /// Of one reply, all levels together.
    package var elements: Int

    package init(replyBytes: Int = 64 << 20, elements: Int = 1 << 20) {
        self.replyBytes = replyBytes
        self.elements = elements
    }
}

/// Why what came is no reply. Nothing after it on the same connection can be understood.
package enum RESPError: Error, Sendable {
    /// Also more than seven arrays in one another.
    case malformed
    /// Past the limits of bytes or elements.
    case tooLarge
}

/// Makes replies of the bytes of one connection. The parser is hiredis; this class owns it, gives it bytes, and
/// builds what it finds.
@safe package final class RESPReader {
    // The reader keeps a pointer to the table, and one to this object for as long as it calls back.
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let limits: RESPLimits
    private var isComplete = false
    private var isTooLarge = false
    /// The one that `next` has found.
    package private(set) var reply = RESPReply()

    package init(limits: RESPLimits = RESPLimits()) {
        self.limits = limits
        unsafe functions = .allocate(capacity: 1)
        unsafe functions.initialize(to: RESPReader.callbacks)
        guard let made = unsafe redisReaderCreateWithFunctions(functions) else {
            preconditionFailure("no memory for a parser")
        }
        unsafe reader = made
        unsafe reader.pointee.maxbuf = RESPReader.keptByteCount
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe functions.deallocate()
    }

    /// Room that is kept between replies: by itself the parser lets go of 16 KB, and asks for as much again with each
    /// reply that is longer.
    private static let keptByteCount = 256 << 10

    /// Copies what has come; `next` is called until it answers false before more is fed.
    package func feed(_ bytes: borrowing Span<UInt8>) throws(RESPError) {
        guard bytes.count > 0 else { return }
        guard waitingByteCount + bytes.count <= limits.replyBytes + 65536 else { throw .tooLarge }
        let status = unsafe bytes.withUnsafeBytes { (bytes) in
            let text = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return unsafe redisReaderFeed(reader, text, bytes.count)
        }
        guard status == REDIS_OK else { throw .tooLarge }
    }

    /// Whether a whole reply has come, which is `reply` until the next call.
    package func next() throws(RESPError) -> Bool {
        if isComplete {
            reply.clear()
            isComplete = false
        }
        unsafe reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
        defer { unsafe reader.pointee.privdata = nil }
        var found: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &found) == REDIS_OK else {
            throw isTooLarge ? .tooLarge : .malformed
        }
        guard unsafe found != nil else {
            if waitingByteCount > limits.replyBytes { throw .tooLarge }
            return false
        }
        reply.finish()
        isComplete = true
        return true
    }

    /// Fed, and not yet part of a reply.
    private var waitingByteCount: Int { unsafe reader.pointee.len - reader.pointee.pos }

    // MARK: Building

    /// hiredis keeps what these answer as the element's object and only asks whether it is null, so that any address
    /// does; null makes it give up.
    private static var callbacks: redisReplyObjectFunctions {
        unsafe redisReplyObjectFunctions(
            createString: { task, text, count in
                unsafe RESPReader.building(task)?.addText(Int(task?.pointee.type ?? 0), text, count)
            },
            createArray: { task, count in unsafe RESPReader.building(task)?.addArray(Int(count)) },
            createInteger: { task, number in unsafe RESPReader.building(task)?.add { $0.add(integer: Int(number)) } },
            createNil: { task in unsafe RESPReader.building(task)?.add { $0.addNull() } },
            freeObject: { _ in })
    }

    private static func building(_ task: UnsafePointer<redisReadTask>?) -> RESPReader? {
        guard let context = unsafe task?.pointee.privdata else { return nil }
        return unsafe Unmanaged<RESPReader>.fromOpaque(context).takeUnretainedValue()
    }

    private func add(_ build: (inout RESPReply) -> Void) -> UnsafeMutableRawPointer? {
        guard reply.nodes.count < limits.elements else {
            isTooLarge = true
            return nil
        }
        build(&reply)
        return unsafe UnsafeMutableRawPointer(reader)
    }

    private func addText(_ type: Int, _ text: UnsafeMutablePointer<CChar>?, _ count: Int) -> UnsafeMutableRawPointer? {
        guard reply.byteCount + count <= limits.replyBytes else {
            isTooLarge = true
            return nil
        }
        let kind: RESPReply.Kind =
            type == Int(REDIS_REPLY_ERROR) ? .error : type == Int(REDIS_REPLY_STATUS) ? .status : .string
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
        return unsafe add { unsafe $0.add(kind, text: Span<UInt8>(_unsafeBytes: bytes)) }
    }

    private func addArray(_ count: Int) -> UnsafeMutableRawPointer? {
        guard count >= 0, count <= limits.elements - reply.nodes.count else {
            isTooLarge = true
            return nil
        }
        return unsafe add { $0.add(array: count) }
    }
}
