/** The `index`-th network of `size` bits in the pool, counted around its end: `subnet('10.0.0.0/16', 29, 1)` is 10.0.0.8/29. */
export function subnet(pool: string, prefix: number, index: number): string {
  const [address = '', poolPrefix = ''] = pool.split('/')
  const base = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  const hosts = 2 ** (32 - prefix)
  const networks = Math.max(1, 2 ** (32 - Number(poolPrefix)) / hosts)
  const first = Math.floor(base / 2 ** (32 - Number(poolPrefix))) * 2 ** (32 - Number(poolPrefix))
  const start = first + (index % networks) * hosts
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`
}
