/** The parts of `package-lock.json` that matter here; all else is kept as it is. */
export interface LockFile {
  readonly packages: Record<string, LockedPackage>
}

export interface LockedPackage {
  readonly version?: string
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface MissingPackage {
  readonly name: string
  readonly range: string
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']
const folder = 'node_modules/'

/**
 * The optional packages that the lock file names but does not hold. Registries that serve one system only make npm
 * leave the others out, and `npm ci` then refuses the file everywhere.
 */
export function missingPackages(lock: LockFile): MissingPackage[] {
  const missing = new Map<string, MissingPackage>()
  for (const [place, entry] of Object.entries(lock.packages))
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {}))
      if (!isHeld(lock, place, name)) missing.set(name, { name, range })
  return [...missing.values()]
}

/** The lock file with an entry for every optional package that was missing, in npm's order. */
export function completed(lock: LockFile): LockFile {
  const added = missingPackages(lock).map(({ name, range }) => [folder + name, entryFor(name, range)] as const)
  const all = [...Object.entries(lock.packages), ...added]
  const packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')))
  return { ...lock, packages }
}

/** npm looks for a package beside who needs it, then one folder further up, and so on. */
function isHeld(lock: LockFile, place: string, name: string): boolean {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf(folder) - 1))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}${folder}${name}`] !== undefined) return true
    if (at === '') return false
  }
}

function entryFor(name: string, range: string): LockedPackage {
  const words = name.split(/[/-]/).map((word) => (word === 'windows' ? 'win32' : word))
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors.filter((processor) => words.includes(processor))
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name}: its name tells no system and processor`)
  return { version: range.replace(/^[~^]/, ''), optional: true, os, cpu, ...libcOf(words) }
}

function libcOf(words: readonly string[]): { libc?: string[] } {
  if (words.some((word) => word.startsWith('musl'))) return { libc: ['musl'] }
  return words.some((word) => word.startsWith('gnu')) && words.includes('linux') ? { libc: ['glibc'] } : {}
}
