import { obtainPackages } from '../debian-packages.ts'

/**
 * A guacd 1.3.0 with its three protocols, out of Debian bullseye's packages. Answers the directory that holds `usr`.
 * @throws with what to do where it can't be had
 */
export const obtainGuacd = async (say?: (word: string) => void): Promise<string> =>
  await obtainPackages(
    {
      name: 'guacd',
      version: '1.3.0',
      suite: 'bullseye',
      wanted: ['guacd', 'libguac-client-vnc0', 'libguac-client-ssh0', 'libguac-client-rdp0'],
      // The system's own are newer; and what only a printer needs.
      leftOut:
        /^(libc6|libc-bin|libcrypt1|libgcc-s1|gcc-.*|libstdc\+\+6|ghostscript|libgs9.*|fonts-urw.*|poppler-data|shared-mime-info|sensible-utils|ucf|perl-base|dpkg|debconf|tar|install-info|lsb-base|init-system-helpers)$/,
      proof: 'usr/sbin/guacd',
      size: '84 MB',
    },
    say,
  )
