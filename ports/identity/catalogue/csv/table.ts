/** The rows of a CSV text (RFC 4180: commas, quotes doubled within quotes). `null`: a quote is open at its end, or a line. */
export function readTable(text: string): string[][] | null {
  const body = text.replace(/^\uFEFF/, '')
  if (body !== '' && !body.endsWith('\n')) return null
  const rows: string[][] = []
  let row: string[] = []
  let field = ''
  let isQuoted = false
  for (let at = 0; at < body.length; at++) {
    const letter = body[at] ?? ''
    if (isQuoted) {
      if (letter !== '"') field += letter
      else if (body[at + 1] === '"') {
        field += '"'
        at += 1
      } else isQuoted = false
    } else if (letter === '"' && field === '') isQuoted = true
    else if (letter === ',') {
      row.push(field)
      field = ''
    } else if (letter === '\n') {
      row.push(field.replace(/\r$/, ''))
      if (row.some((word) => word.trim() !== '')) rows.push(row)
      row = []
      field = ''
    } else field += letter
  }
  return isQuoted ? null : rows
}
