/** Not the internet: this host, private and shared networks, link-local with the metadata address, benchmarks, multicast. */
export const privateNetworks: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
]

/** Never a site's network: loopback, and link-local with the metadata address. */
export const neverSite: readonly string[] = ['127.0.0.0/8', '169.254.0.0/16']
