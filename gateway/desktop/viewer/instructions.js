/**
 * One instruction as text. Lengths count code points: the library's own tunnel counts UTF-16 units, and ends the connection
 * on the first character beyond them.
 */
export function encodeInstruction(...elements) {
  return `${elements.map(encodeElement).join(',')};`
}

function encodeElement(value) {
  const text = String(value).toWellFormed?.() ?? String(value)
  return `${text.length - pairsIn(text)}.${text}`
}

const pairsIn = (text) => text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0

/** The instructions in one message, each an array of its elements. Throws where it holds anything else. */
export function readInstructions(message) {
  const instructions = []
  let elements = []
  let at = 0
  while (at < message.length) {
    const dot = message.indexOf('.', at)
    const length = Number(message.slice(at, dot))
    if (dot === -1 || dot === at || !Number.isInteger(length)) throw new Error('no length')
    const end = afterCodePoints(message, dot + 1, length)
    elements.push(message.slice(dot + 1, end))
    at = end + 1
    if (message[end] === ';') {
      instructions.push(elements)
      elements = []
    } else if (message[end] !== ',') throw new Error('no end')
  }
  if (elements.length > 0) throw new Error('not whole')
  return instructions
}

/** Almost all is ASCII: looked at as a whole first. */
function afterCodePoints(text, start, count) {
  const end = start + count
  if (!/[\ud800-\udfff]/.test(text.slice(start, end))) return end
  let at = start
  for (let left = count; left > 0; left -= 1) at += text.codePointAt(at) > 0xffff ? 2 : 1
  return at
}
