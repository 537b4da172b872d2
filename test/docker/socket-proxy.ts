import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What is done to requests on their way to the daemon. */
export interface SocketProxy {
  readonly path: string
  /** Cuts the connection when the answer to the next request that matches comes back. */
  loseAnswer(match: RegExp): void
  /** Holds the next request that matches until `land`, which returns when the daemon has answered it. */
  holdRequest(match: RegExp): { land(): Promise<void> }
  /** `down` refuses, `hanging` takes connections and is silent. */
  setHealth(health: 'up' | 'down' | 'hanging'): void
  close(): Promise<void>
}

type Fault = {
  readonly match: RegExp
  readonly kind: 'lose' | 'hold'
  readonly landed: Promise<void>
  readonly answered: (answer: string) => void
}

/** A Unix socket in front of the daemon's, which knows only as much HTTP as the first line of a request. */
export async function openSocketProxy(target: string): Promise<SocketProxy> {
  const directory = mkdtempSync(join(tmpdir(), 'carrel-docker-proxy-'))
  const path = join(directory, 'docker.sock')
  const open = new Set<Socket>()
  let health: 'up' | 'down' | 'hanging' = 'up'
  let fault: Fault | null = null

  const server = createServer((client) => {
    open.add(client)
    client.on('error', () => client.destroy()).once('close', () => open.delete(client))
    if (health === 'down') return client.destroy()
    if (health === 'hanging') return client.resume()
    const daemon = connect(target)
    open.add(daemon)
    daemon.on('error', () => client.destroy()).once('close', () => open.delete(daemon))
    let losing = false
    let onAnswer: ((answer: string) => void) | null = null

    client.on('data', (chunk) => {
      if (health !== 'up') return health === 'down' ? client.destroy() : undefined
      const taken = fault !== null && fault.match.test(chunk.toString('latin1').split('\r\n')[0] ?? '') ? fault : null
      if (taken === null) return daemon.write(chunk)
      fault = null
      if (taken.kind === 'lose') {
        losing = true
        return daemon.write(chunk)
      }
      onAnswer = taken.answered
      // Everything of the request is in this chunk; the client may be gone when it is sent.
      client.pause()
      return void taken.landed.then(() => daemon.write(chunk))
    })
    daemon.on('data', (chunk) => {
      if (losing) return client.destroy()
      onAnswer?.(chunk.toString('latin1'))
      onAnswer = null
      return client.destroyed ? undefined : client.write(chunk)
    })
    daemon.once('end', () => client.end())
    client.once('close', () => {
      if (onAnswer === null) daemon.end()
    })
    return undefined
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))

  return {
    path,
    loseAnswer(match) {
      fault = { match, kind: 'lose', landed: Promise.resolve(), answered: () => undefined }
    },
    holdRequest(match) {
      const landing = Promise.withResolvers<void>()
      const answer = Promise.withResolvers<string>()
      fault = { match, kind: 'hold', landed: landing.promise, answered: answer.resolve }
      return {
        async land() {
          landing.resolve()
          const said = await answer.promise
          if (!said.startsWith('HTTP/1.1 201')) throw new Error(`the held request had no effect: ${said}`)
        },
      }
    },
    setHealth(next) {
      health = next
      if (next === 'down') for (const socket of open) socket.destroy()
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
