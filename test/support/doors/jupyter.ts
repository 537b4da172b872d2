/** What a page of JupyterLab does, to be run within one: each takes all that it needs as its argument. */

/** Starts a kernel, has it run some Python over its WebSocket, and returns what comes of it. */
export async function runInKernel({ code, host }: { code: string; host: string }): Promise<string> {
  const made = await fetch('/api/kernels', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'python3' }),
  })
  if (made.status !== 201) throw new Error(`no kernel: ${made.status}`)
  const { id } = (await made.json()) as { id: string }
  const session = crypto.randomUUID()
  const asked = crypto.randomUUID()
  const socket = new WebSocket(`ws://${host}/api/kernels/${id}/channels?session_id=${session}`)
  const result = await new Promise<string>((resolve, reject) => {
    socket.addEventListener('close', ({ code: why }) => reject(new Error(`Failed to fetch: closed with ${why}`)))
    socket.addEventListener('open', () =>
      socket.send(
        JSON.stringify({
          channel: 'shell',
          header: { msg_id: asked, msg_type: 'execute_request', username: '', session, date: '', version: '5.3' },
          parent_header: {},
          metadata: {},
          content: {
            code,
            silent: false,
            store_history: true,
            user_expressions: {},
            allow_stdin: false,
            stop_on_error: true,
          },
        }),
      ),
    )
    socket.addEventListener('message', ({ data }) => {
      // The default protocol of Jupyter's kernels over WebSockets: a JSON text for each message.
      const message = JSON.parse(String(data)) as {
        msg_type: string
        parent_header: { msg_id?: string }
        content: { data?: Record<string, string>; evalue?: string }
      }
      if (message.parent_header.msg_id !== asked) return
      if (message.msg_type === 'execute_result') resolve(message.content.data?.['text/plain'] ?? '')
      if (message.msg_type === 'error') reject(new Error(message.content.evalue))
    })
  })
  socket.close()
  return result
}

export interface Sent {
  readonly sent: string
  readonly back: string
  readonly bytes: number
}

/** Uploads random bytes in pieces of 1 MiB, as JupyterLab does with large files, and reads them back; the digests of both. */
export async function uploadAndRead({ path, mib }: { path: string; mib: number }): Promise<Sent> {
  const piece = 1024 * 1024
  const whole = new Uint8Array(mib * piece)
  for (let at = 0; at < whole.length; at += 65_536) crypto.getRandomValues(whole.subarray(at, at + 65_536))
  const digest = async (data: ArrayBuffer | Uint8Array<ArrayBuffer>) =>
    [...new Uint8Array(await crypto.subtle.digest('SHA-256', data))].map((n) => n.toString(16)).join(' ')
  const base64 = (bytes: Uint8Array): string => {
    let text = ''
    for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCodePoint(...bytes.subarray(at, at + 32_768))
    return btoa(text)
  }
  for (let n = 0; n < mib; n++) {
    const answer = await fetch(`/api/contents/${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        type: 'file',
        format: 'base64',
        chunk: n === mib - 1 ? -1 : n + 1,
        content: base64(whole.subarray(n * piece, (n + 1) * piece)),
      }),
    })
    if (!answer.ok) throw new Error(`piece ${n}: ${answer.status}`)
  }
  const read = await (await fetch(`/files/${path}`)).arrayBuffer()
  return { sent: await digest(whole), back: await digest(read), bytes: read.byteLength }
}
