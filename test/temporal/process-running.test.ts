import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import type { InstanceSpec, InstanceState } from '../../ports/compute/provider.ts'
import { call, eventually, freshKey, isKind, listed, refOf, type InstanceKey } from '../conformance/compute-harness.ts'
import { hasBwrap, processesWith, processStand, shell, specOf, type Bwrap } from './process-harness.ts'

const asRoot = process.getuid?.() === 0
const limitMs = 15_000

for (const bwrap of ['off', ...(hasBwrap ? ['required' as const] : [])] satisfies Bwrap[]) {
  describe(`a process instance, bwrap ${bwrap}`, () => {
    let stand: Awaited<ReturnType<typeof processStand>>
    let key: InstanceKey
    beforeEach(async () => {
      stand = await processStand(bwrap)
      key = freshKey('here')
    })
    afterEach(async () => {
      for (const { ref } of await listed(stand.provider, 'here')) await stand.provider.remove(ref, call())
      await stand.close()
    })

    const inspect = (): Promise<InstanceState> => stand.provider.inspect(refOf(key), call())
    const printed = (): Promise<string> =>
      stand.provider.logs?.(refOf(key), 1_000, call()) ?? Promise.reject(new Error('no logs'))
    const prints = (text: string) => eventually(printed, (log) => log.includes(text), limitMs)
    const marked = () => processesWith(`CARREL_INSTANCE=${key.name}`)

    /** Runs the script to its end, and gives back what it printed. */
    async function outputOf(script: string, more: Partial<InstanceSpec> = {}): Promise<string> {
      expect((await stand.provider.create({ ...shell(key, script), ...more }, call())).kind).toBe('made')
      await eventually(inspect, isKind('exited'), limitMs)
      return await printed()
    }

    test('sees its own variables and none of the worker’s', async () => {
      const environment = {
        GREETING: `it's; $(touch /tmp/never) "\n\\`,
        LD_PRELOAD: '/nowhere.so',
        PATH: '/mine:/usr/bin',
      }
      process.env['CARREL_TEST_CANARY'] = 'worker-only'
      const output = await outputOf('/usr/bin/env -0 | /usr/bin/tr "\\0\\n" "\\n|"; cat "$CARREL_SECRET_FILE"', {
        environment,
      })
      delete process.env['CARREL_TEST_CANARY']
      const names = [...output.matchAll(/^([A-Za-z_0-9]+)=/gm)].map(([, name = '']) => name)
      const ours = ['CARREL_ADDRESS', 'CARREL_INSTANCE', 'CARREL_MARK', 'CARREL_PORT_8080', 'CARREL_SECRET_FILE']
      const shells = ['PWD', 'OLDPWD', 'SHLVL', '_']
      expect(names.filter((name) => !shells.includes(name)).sort()).toEqual(
        [...ours, 'GREETING', 'HOME', 'LANG', 'LD_PRELOAD', 'PATH', 'PORT', 'TMPDIR'].sort(),
      )
      expect(output).toContain(`GREETING=it's; $(touch /tmp/never) "|\\`)
      expect(output).toContain('sesame')
      expect(existsSync('/tmp/never')).toBe(false)
    })

    test('is nobody in particular, can become nobody else, and is limited', async () => {
      const output = await outputOf(
        `id -u; id -G; grep -E "NoNewPrivs|CapEff|CapBnd" /proc/self/status; ulimit -c; ulimit -f; ulimit -n; ulimit -d
         cat /proc/self/oom_score_adj; ls -ld "$HOME" | cut -c1-10; [ "$(pwd)" = "$HOME" ] && echo at home`,
      )
      const [uid, groups, ...rest] = output.split('\n')
      if (asRoot) {
        expect(Number(uid)).toBeGreaterThanOrEqual(stand.settings.users.first)
        expect(groups).toBe(uid)
        expect(rest).toContain('CapBnd:\t0000000000000000')
      }
      expect(rest).toContain('CapEff:\t0000000000000000')
      expect(rest).toContain('NoNewPrivs:\t1')
      const kib = (mib: number) => mib * 1_024
      expect(rest.slice(-7)).toEqual(['0', `${kib(100) * 2}`, '4096', `${kib(1_024)}`, '500', 'drwx------', 'at home'])
    })

    test('cannot read another instance’s secret or home, nor the records', async () => {
      if (!asRoot && bwrap === 'off') return expect(stand.provider.capabilities.isolation).toBe('none')
      const other = { ...freshKey('here') }
      await stand.provider.create(specOf(other, 'server'), call())
      const directory = join(stand.stateDirectory, 'instances')
      const [its = ''] = readdirSync(directory)
      const look = ['secret', 'launch', 'home', 'instance.json'].map(
        (file) => `ls -A ${join(directory, its, file)}/. ; cat ${join(directory, its, file)}`,
      )
      const output = await outputOf(`ls ${directory}; ${look.join('; ')}; echo done`)
      expect(output.match(/Permission denied|No such file|Not a directory/g)).toHaveLength(9)
      expect(output).not.toContain('sesame')
    })

    test('the sandbox shows the system, and not the machine', async () => {
      const output = await outputOf('ls /; ls /proc | grep -c "^[0-9]"; ls -A /tmp /run; hostname; touch /usr/x /etc/x')
      if (bwrap === 'off') return expect(output).toContain('root')
      const lines = output.split('\n')
      expect(lines).not.toContain('root')
      expect(lines).not.toContain('var')
      expect(Number(lines.find((line) => /^\d+$/.test(line)))).toBeLessThan(10)
      expect(lines).toContain(key.sessionId)
      expect(output).toMatch(/touch: .*\/usr\/x.*Read-only/)
    })

    test('its children end with it, wherever they hid', async () => {
      const hide =
        asRoot || bwrap === 'required' ? 'setsid env -i sleep 9999 & (setsid setsid env -i sleep 9999 &)' : ''
      const script = `trap "" TERM; setsid sleep 9999 & (setsid sh -c "trap '' TERM; sleep 9999; sleep 9999" &)
        nohup sleep 9999 >/dev/null 2>&1 &
        ${hide}
        echo ready; sleep 9999`
      await stand.provider.create(shell(key, script), call())
      await prints('ready')
      const { runAs } = recordOf(stand.stateDirectory)
      const hidden = () => (asRoot ? processesOf(runAs.uid) : marked())
      expect(
        (
          await eventually(
            () => Promise.resolve(hidden()),
            (all) => all.length >= 5,
            limitMs,
          )
        ).length,
      ).toBeGreaterThan(4)
      expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
      expect([...hidden(), ...marked()]).toEqual([])
      expect(readdirSync(join(stand.stateDirectory, 'instances'))).toEqual([])
      expect(readdirSync(join(stand.stateDirectory, 'trash'))).toEqual([])
      expect(readdirSync(join(stand.stateDirectory, 'locks'))).toEqual(['allocation'])
    })

    test('children that outlive the command are not taken for it, and end with the instance', async () => {
      await stand.provider.create(shell(key, 'sleep 9999 & exit 4'), call())
      expect(await eventually(inspect, isKind('exited'), limitMs)).toMatchObject({ exitCode: 4 })
      expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
      expect(marked()).toEqual([])
    })

    test('an end by signal has its status; a supervisor that is killed leaves an unknown one', async () => {
      await stand.provider.create(shell(key, 'kill -SEGV $$'), call())
      expect(await eventually(inspect, isKind('exited'), limitMs)).toMatchObject({ exitCode: 139 })
      await stand.provider.remove(refOf(key), call())
      await stand.provider.create(shell(key, 'echo up; sleep 9999'), call())
      await prints('up')
      process.kill(-(recordOf(stand.stateDirectory).supervisor?.pid ?? 0), 'SIGKILL')
      expect(await eventually(inspect, isKind('exited'), limitMs)).toMatchObject({ exitCode: null })
      expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
      expect(marked()).toEqual([])
    })

    test('much output is kept in part: the newest', async () => {
      const output = await outputOf(
        'i=0; while [ $i -lt 40 ]; do i=$((i+1)); printf "%1000000s\\n" $i; done; echo the end',
      )
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(64 * 1_024)
      expect(output.endsWith('the end')).toBe(true)
      const [entry = ''] = readdirSync(join(stand.stateDirectory, 'instances'))
      const kept = ['log', 'log.old', 'log.older'].map((name) => join(stand.stateDirectory, 'instances', entry, name))
      const sizes = kept.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(4 * 1_024 * 1_024)
    })

    test('a file cannot grow beyond the disk that was asked for', async () => {
      const output = await outputOf('head -c 200000000 /dev/zero > big; echo ended $?; wc -c < big')
      expect(output).toMatch(/ended [^0]\d*\n104857600/)
    })

    test('is told from a stranger with the same process id', async () => {
      await stand.provider.create(shell(key, 'echo up; sleep 9999'), call())
      await prints('up')
      expect((await inspect()).kind).toBe('running')
      const path = recordPath(stand.stateDirectory)
      const text = readFileSync(path, 'utf8')
      writeFileSync(path, text.replace(/"startTime":"\d+"/, '"startTime":"1"'))
      expect((await inspect()).kind).toBe('exited')
      writeFileSync(path, text)
    })

    test('packages’ read-only directories are deleted too', async () => {
      await outputOf('mkdir -p a/b/c; touch a/b/c/file; ln -s /etc evil; chmod -R 500 a; chmod 0 a/b')
      expect(await stand.provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
      expect(readdirSync(join(stand.stateDirectory, 'trash'))).toEqual([])
      expect(existsSync('/etc/passwd')).toBe(true)
    })
  })
}

describe('the process provider', () => {
  test('refuses what it cannot do, and says why', async () => {
    const stand = await processStand('off')
    const refused = async (more: Partial<InstanceSpec>) => {
      const answer = await stand.provider.create({ ...specOf(freshKey('here'), 'server'), ...more }, call())
      return answer.kind === 'refused' ? [answer.code, answer.detail] : [answer.kind]
    }
    const failed = (words: RegExp) => ['start_failed', expect.stringMatching(words)]
    expect(await refused({ user: { uid: 0, gid: 1, gids: [] } })).toEqual(failed(/root/))
    expect(await refused({ user: { uid: 1_000, gid: 1_000, gids: [0] } })).toEqual(failed(/root/))
    expect(await refused({ mounts: [{ hostPath: '/data', target: '/data', mode: 'ro' }] })).toEqual(failed(/mounts/))
    expect(await refused({ capabilities: ['NET_ADMIN'] })).toEqual(failed(/capabilities/))
    const report = {
      url: 'https://carrel.example.org/v1/instance-reports',
      token: 't',
      ports: { from: 20_000, to: 20_099 },
    }
    expect(await refused({ report })).toEqual(failed(/reported/))
    expect(await refused({ egress: 'none' })).toEqual(failed(/network/))
    expect(await refused({ command: ['/bin/sh'] })).toEqual(failed(/configured commands/))
    expect(await refused({ environment: { 'A;B': '1' } })).toEqual(failed(/A;B/))
    expect(await refused({ image: 'constructor' })).toEqual(['image_missing', expect.any(String)])
    expect(await refused({ image: 'gone' })).toEqual(['image_missing', expect.stringContaining('/nowhere/program')])
    expect(readdirSync(join(stand.stateDirectory, 'instances'))).toEqual([])
    await stand.close()
  })

  test('gives no endpoint outside its networks', async () => {
    const stand = await processStand('off', { address: '127.0.0.2' })
    const { createProcessProvider } = await import('../../ports/compute/process/provider.ts')
    const provider = createProcessProvider(stand.settings, { networks: ['127.0.0.1/32', '::1/128'] })
    const key = freshKey('here')
    await provider.create(shell(key, 'sleep 9999'), call())
    const state = await eventually(() => provider.inspect(refOf(key), call()), isKind('unknown', 'running'), limitMs)
    expect(state).toMatchObject({ kind: 'unknown' })
    await provider.remove(refOf(key), call())
    await stand.close()
  })

  test('without its directory, nothing is known, and nothing is "absent"', async () => {
    const stand = await processStand('off')
    const ref = refOf(freshKey('here'))
    await rm(stand.stateDirectory, { recursive: true })
    expect((await stand.provider.inspect(ref, call())).kind).toBe('unknown')
    expect((await stand.provider.remove(ref, call())).kind).toBe('unknown')
    await expect(listed(stand.provider, 'here')).rejects.toThrow(ProviderUnreachable)
  })
})

const recordPath = (stateDirectory: string) => {
  const [entry = ''] = readdirSync(join(stateDirectory, 'instances'))
  return join(stateDirectory, 'instances', entry, 'instance.json')
}
const recordOf = (stateDirectory: string) =>
  JSON.parse(readFileSync(recordPath(stateDirectory), 'utf8')) as {
    runAs: { uid: number }
    supervisor: { pid: number } | null
  }

/** What runs as the user; what has ended and was not yet collected does not. */
function processesOf(uid: number): string[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '-U', String(uid)], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.trim() !== '' && !line.includes('<defunct>'))
}
