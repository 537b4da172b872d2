import type { HandoverRecords } from '../../../ports/compute/handover/provider.ts'

type Mode = 'well' | 'down' | 'hangs' | 'slow'

/** Records between which and their driver things happen. */
export function createFaultyRecords(records: HandoverRecords) {
  let mode: Mode = 'well'
  let loses = false
  let held: { readonly until: Promise<void>; readonly done: Promise<unknown>[] } | null = null
  const never = new Promise<never>(() => undefined)

  async function through<T>(deed: () => Promise<T>): Promise<T> {
    if (mode === 'down') throw new Error('connection refused')
    if (mode === 'hangs') return await never
    if (mode === 'slow') await new Promise((resolve) => setTimeout(resolve, 40))
    return await deed()
  }

  const faulty: HandoverRecords = {
    find: (ref) => through(() => records.find(ref)),
    release: (ref) => through(() => records.release(ref)),
    page: (deployment, after, limit) => through(() => records.page(deployment, after, limit)),
    provisioner: (account) => through(() => records.provisioner(account)),
    add: (ask, seconds) =>
      through(async () => {
        if (held !== null) {
          const { until, done } = held
          held = null
          const late = until.then(async () => await records.add(ask, seconds))
          done.push(late)
          return await late
        }
        const added = await records.add(ask, seconds)
        if (!loses) return added
        loses = false
        throw new Error('connection reset')
      }),
  }
  return {
    records: faulty,
    loseNextAnswer() {
      loses = true
    },
    holdNextCreate() {
      const { promise: until, resolve } = Promise.withResolvers<void>()
      const done: Promise<unknown>[] = []
      held = { until, done }
      return {
        async land() {
          resolve()
          await Promise.all(done)
        },
      }
    },
    be(next: Mode) {
      mode = next
    },
  }
}
