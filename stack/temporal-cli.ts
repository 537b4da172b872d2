import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { childEnvironment } from '../platform/config.ts'
import { startChild } from './child.ts'
import { withLock } from './lock-file.ts'
import { downloadTemporal, temporalVersion } from './temporal-download.ts'
import { cacheDirectory, findTemporal, type TemporalSearch } from './temporal-search.ts'

const buildLimitMs = 30 * 60_000
/** What a launcher answers when there is no such command. */
const notFound = 127
const goModule = 'github.com/temporalio/cli/cmd/temporal'

/**
 * Finds the Temporal CLI, or gets it into our cache: the official download, then `go install` where there is Go.
 * @throws with what was tried and what to do
 */
export async function obtainTemporal(search: TemporalSearch, say: (word: string) => void): Promise<string> {
  const found = await findTemporal(search)
  if (found !== undefined) return found
  const cache = cacheDirectory(search)
  await mkdir(cache, { recursive: true })
  const waiting = ({ pid }: { pid: number }) => say(`process ${pid} is fetching it already; waiting`)
  return withLock(join(cache, 'temporal.lock'), buildLimitMs, waiting, async () => {
    const meanwhile = await findTemporal(search)
    if (meanwhile !== undefined) return meanwhile
    const scratch = await mkdtemp(join(cache, 'fetching-'))
    try {
      const fetched = await fetchOrBuild(scratch, say)
      const target = join(cache, 'temporal')
      await chmod(fetched, 0o755)
      await rename(fetched, target)
      return target
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  })
}

async function fetchOrBuild(scratch: string, say: (word: string) => void): Promise<string> {
  say('no Temporal CLI found; downloading it')
  const downloaded = await downloadTemporal(scratch, say)
  if ('file' in downloaded) return downloaded.file
  say(`the download did not work (${downloaded.why}); building it with Go`)
  const built = await buildTemporal(scratch, say)
  if ('file' in built) return built.file
  throw new Error(
    `There is no Temporal CLI. Download: ${downloaded.why}. Build with Go: ${built.why}. ` +
      'Install it (https://docs.temporal.io/cli) or set TEMPORAL_CLI_PATH.',
  )
}

async function buildTemporal(
  scratch: string,
  say: (word: string) => void,
): Promise<{ file: string } | { why: string }> {
  const began = Date.now()
  const lastLines: string[] = []
  const started = startChild({
    name: 'go',
    command: 'go',
    args: ['install', `${goModule}@v${temporalVersion}`],
    env: childEnvironment({ GOBIN: scratch }),
    onLine: (line) => {
      lastLines.push(line)
      if (lastLines.length > 5) lastLines.shift()
    },
  })
  const go = await started.catch(() => undefined)
  if (go === undefined) return { why: 'Go is not installed' }
  const minutes = () => `${((Date.now() - began) / 60_000).toFixed(1)} min`
  const pulse = setInterval(() => say(`building with Go, ${minutes()} so far (some 6 min on two cores)`), 15_000)
  const limit = setTimeout(() => void go.kill(), buildLimitMs)
  const { code } = await go.ended
  clearInterval(pulse)
  clearTimeout(limit)
  if (code === notFound) return { why: 'Go is not installed' }
  return code === 0 ? { file: join(scratch, 'temporal') } : { why: lastLines.join(' ').slice(0, 500) }
}
