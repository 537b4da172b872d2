import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startChild } from './child.ts'

export const temporalVersion = '1.5.1'

/** SHA-256 of the official archives of this version. */
const checksums: Readonly<Record<string, string>> = {
  linux_amd64: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  linux_arm64: 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
  darwin_amd64: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
  darwin_arm64: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
}

interface Source {
  readonly from: string
  /** Without an answer within this time there is none. */
  readonly answerLimitMs: number
}
const official: Source = { from: 'https://github.com/temporalio/cli/releases/download', answerLimitMs: 5_000 }
const downloadLimitMs = 10 * 60_000
const maxBytes = 512 * 1024 * 1024

/**
 * Downloads the official release into `directory` and unpacks it there; answers why not when it can't. Gives up after
 * 5 s without an answer, so that a machine without the internet goes on to the next way quickly.
 */
export async function downloadTemporal(
  directory: string,
  say: (word: string) => void,
  { from, answerLimitMs }: Source = official,
): Promise<{ file: string } | { why: string }> {
  const system = `${platform()}_${arch() === 'x64' ? 'amd64' : arch()}`
  const checksum = checksums[system]
  if (checksum === undefined) return { why: `no archive is pinned for ${system}` }
  const archive = join(directory, 'temporal.tar.gz')
  try {
    const url = `${from}/v${temporalVersion}/temporal_cli_${temporalVersion}_${system}.tar.gz`
    const digest = await fetchTo(archive, { url, answerLimitMs }, say)
    if (digest !== checksum) return { why: 'the archive is not the one that is pinned (its checksum differs)' }
    await unpack(archive, directory)
    return { file: join(directory, 'temporal') }
  } catch (error) {
    return { why: error instanceof Error ? reasonOf(error) : 'it failed' }
  } finally {
    await rm(archive, { force: true })
  }
}

async function fetchTo(
  file: string,
  { url, answerLimitMs }: { url: string; answerLimitMs: number },
  say: (word: string) => void,
): Promise<string> {
  const control = new AbortController()
  const patience = setTimeout(() => control.abort(new Error('no answer in time')), answerLimitMs)
  const limit = setTimeout(() => control.abort(new Error('it took more than 10 min')), downloadLimitMs)
  try {
    const response = await fetch(url, { signal: control.signal })
    clearTimeout(patience)
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
    const total = Number(response.headers.get('content-length') ?? 0)
    const hash = createHash('sha256')
    let received = 0
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        received += chunk.length
        hash.update(chunk)
        if (total > 0) say(`downloading, ${Math.floor((100 * received) / total)} %`)
        done(received > maxBytes ? new Error('it is too large') : null, chunk)
      },
    })
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file), { signal: control.signal })
    return hash.digest('hex')
  } finally {
    clearTimeout(patience)
    clearTimeout(limit)
  }
}

async function unpack(archive: string, directory: string): Promise<void> {
  const tar = await startChild({ name: 'tar', command: 'tar', args: ['-xzf', archive, '-C', directory, 'temporal'] })
  const limit = setTimeout(() => void tar.kill(), 60_000)
  const { code } = await tar.ended
  clearTimeout(limit)
  if (code !== 0) throw new Error('the archive could not be unpacked')
}

function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}
