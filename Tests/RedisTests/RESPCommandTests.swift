// SPDX-License-Identifier: Apache-2.0
import Bytes
import Redis
import Testing

@Suite struct RESPCommandTests {
    @Test func aCommandIsAnArrayOfBulkStrings() {
        var output = ByteBuffer()
        output.beginCommand("SET", arguments: 4)
        output.argument("key")
        output.argument([0, 13, 10].span)
        output.argument("PX" as StaticString)
        output.argument(decimal: 1500)
        #expect(output.text == "*5\r\n$3\r\nSET\r\n$3\r\nkey\r\n$3\r\n\0\r\n\r\n$2\r\nPX\r\n$4\r\n1500\r\n")
    }

    @Test(arguments: [0, 9, 10, 99, 100, -1, -10, .max, .min])
    func numbersSayTheirLength(number: Int) {
        var output = ByteBuffer()
        output.argument(decimal: number)
        #expect(output.text == "$\("\(number)".utf8.count)\r\n\(number)\r\n")
    }

    @Test func anArgumentMayBePutTogetherInPlace() {
        var output = ByteBuffer()
        output.beginArgument(byteCount: 6)
        output.append("abc")
        output.append("def")
        output.endArgument()
        #expect(output.text == "$6\r\nabcdef\r\n")
    }
}
