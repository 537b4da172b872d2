import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { firstFile } from './tar.ts'

/** Who a container's program will be. `null`: it cannot be told, because the image does not know the name. */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

const maxPasswdBytes = 1024 * 1024

/** Resolves a container's `User` as its start will: empty is root, numbers are themselves, names stand in its /etc/passwd. */
export async function identityOf(
  engine: Engine,
  containerId: string,
  user: string,
  signal: AbortSignal,
): Promise<Identity | null> {
  const [name = '', group] = user.split(':')
  const gid = group !== undefined && /^\d+$/.test(group) ? Number(group) : null
  if (name === '') return { uid: 0, gid: gid ?? 0 }
  if (/^\d+$/.test(name)) return { uid: Number(name), gid: gid ?? 0 }
  const entry = passwdEntry(await readPasswd(engine, containerId, signal), name)
  return entry === null ? null : { uid: entry.uid, gid: gid ?? entry.gid }
}

/** A number as every reader of the file takes it: what the runtime cannot read it counts as 0, which is root. */
const plain = /^\d{1,10}$/

/** The first line of that name, as the runtime takes it: without the blanks around it. */
export function passwdEntry(passwd: string, name: string): Identity | null {
  const fields = passwd
    .split('\n')
    .map((line) => line.trim().split(':'))
    .find(([entry]) => entry === name)
  const [uid = '', gid = ''] = fields?.slice(2) ?? []
  return plain.test(uid) && plain.test(gid) ? { uid: Number(uid), gid: Number(gid) } : null
}

async function readPasswd(engine: Engine, containerId: string, signal: AbortSignal): Promise<string> {
  try {
    const query = { path: '/etc/passwd' }
    const archive = await engine.bytes(`/containers/${containerId}/archive`, maxPasswdBytes, signal, { query })
    return firstFile(archive)?.toString() ?? ''
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return ''
    throw error
  }
}
