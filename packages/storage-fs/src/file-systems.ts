import type { FsFileSystem } from "@holdfast/storage/ports";

/**
 * What is known about a file system by the number that `statfs` gives for it.
 *
 * Only file systems on this list count as local: of a number that is not here nobody can say who keeps its locks, and two
 * writers that do not see each other's lock destroy a log. Such a file system is refused for appending, with its number in the
 * message, unless the caller allows it.
 *
 * Numbers: Linux `include/uapi/linux/magic.h` and the file systems' own headers. macOS numbers its file systems as they are
 * registered, so only those that have kept their number are known. Windows gives 0.
 *
 * @param platform - `process.platform`.
 * @param type - `statfs.type`.
 */
export function fileSystemOfType(platform: string, type: bigint): FsFileSystem {
  const known = (platform === "linux" ? LINUX : platform === "darwin" ? DARWIN : OTHER).get(type);
  return known ?? { type: `unknown 0x${type.toString(16)}`, localLocks: false, copyOnWrite: false };
}

const local = (type: string): FsFileSystem => ({ type, localLocks: true, copyOnWrite: false });
const localCopyOnWrite = (type: string): FsFileSystem => ({ type, localLocks: true, copyOnWrite: true });
const remote = (type: string): FsFileSystem => ({ type, localLocks: false, copyOnWrite: false });

const LINUX: ReadonlyMap<bigint, FsFileSystem> = new Map([
  [0xef53n, local("ext4")],
  [0x58465342n, local("xfs")],
  [0x01021994n, local("tmpfs")],
  [0x858458f6n, local("ramfs")],
  [0x794c7630n, local("overlayfs")],
  [0x3153464an, local("jfs")],
  [0x52654973n, local("reiserfs")],
  [0x24051905n, local("ubifs")],
  [0x7366746en, local("ntfs3")],
  [0x2011bab0n, local("exfat")],
  [0x4d44n, local("vfat")],
  [0xf15fn, local("ecryptfs")],
  [0x9660n, local("iso9660")],
  [0x73717368n, local("squashfs")],
  [0xe0f5e1e2n, local("erofs")],
  [0x9123683en, localCopyOnWrite("btrfs")],
  [0x2fc12fc1n, localCopyOnWrite("zfs")],
  [0xca451a4en, localCopyOnWrite("bcachefs")],
  // Log-structured: an overwrite goes to a new place there too.
  [0xf2f52010n, localCopyOnWrite("f2fs")],
  [0x3434n, localCopyOnWrite("nilfs2")],
  [0x6969n, remote("nfs")],
  [0xff534d42n, remote("cifs")],
  [0xfe534d42n, remote("smb2")],
  [0x517bn, remote("smb")],
  [0x01021997n, remote("9p")],
  [0x65735546n, remote("fuse")],
  [0x00c36400n, remote("ceph")],
  [0x0bd00bd0n, remote("lustre")],
  [0x5346414fn, remote("afs")],
  [0x01161970n, remote("gfs2")],
  [0x7461636fn, remote("ocfs2")],
  [0x47504653n, remote("gpfs")],
  [0x786f4256n, remote("vboxsf")],
  [0xbacbacbcn, remote("vmhgfs")],
]);

const DARWIN: ReadonlyMap<bigint, FsFileSystem> = new Map([
  [0x1an, localCopyOnWrite("apfs")],
  [0x11n, local("hfs")],
  [0x2n, remote("nfs")],
]);

const OTHER: ReadonlyMap<bigint, FsFileSystem> = new Map([[0n, local("unknown")]]);
