import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

export interface CallPlan {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly timeoutMs?: number
  /** A file that it reads. */
  readonly from?: string
  /** A file that it writes; its output is then not returned. */
  readonly to?: string
}

const kept = 8 * 1024 * 1024

/** Runs a command to its end and returns what it printed. Throws where it fails or takes too long, with its last lines. */
export async function call(command: string, args: readonly string[], plan: CallPlan = {}): Promise<string> {
  const { cwd, env, timeoutMs = 120_000, from, to } = plan
  const child = spawn(command, args, {
    stdio: [from === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  })
  let output = ''
  let complaint = ''
  const { stdin, stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error(`${command} has no output.`)
  const streams: Promise<unknown>[] = []
  if (from !== undefined && stdin !== null) streams.push(pipeline(createReadStream(from), stdin))
  if (to === undefined)
    stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-kept)
    })
  else streams.push(pipeline(stdout, createWriteStream(to, { mode: 0o600 })))
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-kept)
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = await Promise.all([
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    }).finally(() => clearTimeout(limit)),
    Promise.allSettled(streams),
  ])
  if (code === 0) return output
  const lines = `${output}${complaint}`.trimEnd().split('\n').slice(-25).join('\n')
  throw new Error(
    `${command} ${args.slice(0, 4).join(' ')} ${code === null ? 'was killed' : `ended with ${code}`}:\n${lines}`,
  )
}
