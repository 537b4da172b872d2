import type { InstanceSpec } from '../provider.ts'
import type { Inside } from './confine.ts'
import { markVariable } from './members.ts'
import type { InstanceRecord } from './record.ts'
import type { LocalCommand } from './settings.ts'
import { systemPath } from './tools.ts'

export interface Launch {
  readonly spec: Pick<InstanceSpec, 'name' | 'environment'>
  readonly image: Pick<LocalCommand, 'environment'>
  readonly ports: InstanceRecord['ports']
  readonly argv: readonly string[]
  readonly inside: Inside
  readonly address: string
  readonly mark: string
}

/**
 * The script that runs as the instance's user, in the sandbox, and becomes the command. What a caller chose of the
 * environment appears here first, so that it can't lead astray what still had rights, and stands in no argument list.
 */
export function launchScript({ spec, image, ports, argv, inside, address, mark }: Launch): string {
  const port = String(ports[0]?.hostPort ?? '')
  const environment = {
    PATH: systemPath,
    LANG: 'C.UTF-8',
    ...image.environment,
    ...spec.environment,
    HOME: inside.home,
    TMPDIR: inside.temporary,
    PORT: port,
    ...Object.fromEntries(ports.map((p) => [`CARREL_PORT_${p.port}`, String(p.hostPort)])),
    CARREL_ADDRESS: address,
    CARREL_INSTANCE: spec.name,
    CARREL_SECRET_FILE: inside.secret,
    [markVariable]: mark,
  }
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const words = [...assignments, ...fillPlaceholders(argv, { port, home: inside.home, secretFile: inside.secret })]
  return `umask 077\ncd ${quote(inside.home)} || exit 126\nexec env -i ${words.map(quote).join(' ')}\n`
}

/** A word that the shell takes as it is. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Replaces `{port}`, `{home}`, `{secretFile}`; other braces stay. */
export const fillPlaceholders = (words: readonly string[], values: Readonly<Record<string, string>>): string[] =>
  words.map((word) => word.replaceAll(/\{(port|home|secretFile)\}/g, (whole, name: string) => values[name] ?? whole))
