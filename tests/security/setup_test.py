#!/usr/bin/env python3
"""Hostile images: root file systems that try to make the set-up reach outside."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from sandbox import ID, SandboxTest, main, root  # noqa: E402


class HostileImage(SandboxTest):
    def setUp(self):
        super().setUp()
        self.outside = self.folder / "outside"
        self.outside.mkdir()
        (self.outside / "file").write_text("untouched")
        # A small image: busybox alone.
        self.image = self.folder / "image"
        for name in ("bin", "etc", "tmp", "dev", "proc", "sys"):
            (self.image / name).mkdir(parents=True)
        shutil.copy2(pathlib.Path(root("base")) / "bin/busybox", self.image / "bin/busybox")
        (self.image / "bin/sh").symlink_to("busybox")

    def replace_by_link(self, name, target):
        (self.image / name).rmdir()
        (self.image / name).symlink_to(target)

    def run_image(self, script="echo ran", change=None):
        def whole_change(config):
            config["process"]["args"] = ["/bin/sh", "-c", script]
            config["root"]["readonly"] = False
            if change:
                change(config)
        self.addCleanup(self.moat, "delete", "--force", ID)
        result = self.moat("run", "--bundle", self.bundle(self.image, whole_change), ID)
        self.assertEqual(["file"], sorted(os.listdir(self.outside)), f"made outside; {result}")
        self.assertEqual("untouched", (self.outside / "file").read_text())
        return result

    def test_plain_image_runs(self):
        self.assert_ends(self.run_image("echo ran"), 0, "ran\n")

    def test_dev_is_a_link_to_the_host(self):
        self.replace_by_link("dev", self.outside)
        self.run_image()

    def test_dev_is_a_relative_link_to_the_host(self):
        self.replace_by_link("dev", f"../../../../../../{self.outside}")
        self.run_image()

    def test_console_of_a_volume_on_dev_is_a_link(self):
        volume = self.folder / "volume"
        (volume / "pts").mkdir(parents=True)
        (volume / "console").symlink_to("/etc/console")
        (self.image / "etc/console").write_text("untouched")

        def change(config):
            config["process"]["terminal"] = True
            kept = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
            config["mounts"] = kept + [
                {"destination": "/dev", "type": "bind", "source": str(volume), "options": ["rbind", "rw"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}]
        bundle = self.bundle(self.image, change)
        with socket.socket(socket.AF_UNIX) as listener:
            path = self.folder / "console.sock"
            listener.bind(str(path))
            listener.listen()
            self.delete_at_end(ID)
            result = self.moat("create", "--bundle", bundle, "--console-socket", path, ID)
        self.assert_refused(result, "/dev/console", "symbolic link")
        self.assertEqual("untouched", (self.image / "etc/console").read_text())

    def test_proc_is_a_link_to_the_host(self):
        self.replace_by_link("proc", self.outside)
        self.run_image("cat /proc/file; echo x > /proc/new")

    def test_sys_is_a_link_to_the_host(self):
        self.replace_by_link("sys", self.outside)
        self.run_image("cat /sys/file; echo x > /sys/new")

    def test_mount_target_through_a_link(self):
        (self.image / "data").symlink_to(self.outside)
        mount = {"destination": "/data/sub", "type": "tmpfs", "source": "tmpfs", "options": []}
        self.run_image(change=lambda config: config["mounts"].append(mount))

    def test_mount_target_through_dot_dot(self):
        mount = {"destination": f"/../../..{self.outside}/sub", "type": "tmpfs", "source": "tmpfs", "options": []}
        self.run_image(change=lambda config: config["mounts"].append(mount))

    def test_mount_target_that_changes_while_it_is_mounted(self):
        # Whoever shares the image's folder swaps the target for a link to the host, and back, all the time.
        (self.image / "data").mkdir()
        (self.image / "other").symlink_to(self.outside)
        flip = ("import ctypes, os, sys\nlibc = ctypes.CDLL(None)\nos.chdir(sys.argv[1])\n"
                "while True: libc.renameat2(-100, b'data', -100, b'other', 2)")  # RENAME_EXCHANGE
        flipper = subprocess.Popen([sys.executable, "-c", flip, self.image])
        self.addCleanup(flipper.wait)
        self.addCleanup(flipper.kill)

        def change(config):
            config["process"]["args"] = ["/bin/sh", "-c", "echo ran; echo x >/data/sub/x; echo x >/data/file/x"]
            config["root"]["readonly"] = False
            config["mounts"] += [{"destination": "/data/sub", "type": "tmpfs", "source": "tmpfs", "options": []},
                                 {"destination": "/data/file", "type": "bind", "source": str(self.image / "tmp"), "options": ["bind"]}]
        bundle = self.bundle(self.image, change)
        self.delete_at_end(ID)
        codes = set()
        for _ in range(25):
            codes.add(self.moat("run", "--bundle", bundle, ID).code)
            self.moat("delete", "--force", ID)
            self.assertEqual(["file"], os.listdir(self.outside), "made outside")
            self.assertEqual("untouched", (self.outside / "file").read_text())
        print(f"exit codes {codes}")

    def test_mask_through_a_link(self):
        (self.image / "etc/masked").symlink_to(self.outside / "file")
        result = self.run_image("cat /etc/masked",
                                change=lambda config: config["linux"].update(maskedPaths=["/etc/masked"]))
        self.assertNotIn("untouched", result.out)

    def test_dev_null_of_the_image_is_a_link(self):
        (self.image / "dev/null").symlink_to(self.outside / "file")
        result = self.run_image("cat /etc/secret; echo x > /dev/null",
                                change=lambda config: config["linux"].update(maskedPaths=["/etc/secret"]))
        self.assertNotIn("untouched", result.out)

    def test_copy_up_copies_links_as_links(self):
        (self.image / "etc/link").symlink_to(self.outside / "file")
        (self.image / "etc/folder").symlink_to(self.outside)
        os.mkfifo(self.image / "etc/pipe")
        mount = {"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}
        result = self.run_image("readlink /etc/link; cat /etc/link; ls /etc/folder/",
                                change=lambda config: config["mounts"].append(mount))
        self.assertEqual(f"{self.outside}/file\n", result.out, result)

    def test_copy_up_of_a_link_to_the_host(self):
        (self.image / "data").symlink_to(self.outside)
        mount = {"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}
        result = self.run_image("cat /data/file", change=lambda config: config["mounts"].append(mount))
        self.assertNotIn("untouched", result.out)

    def test_remount_through_a_link(self):
        (self.image / "data").symlink_to("/")
        mount = {"destination": "/data/../..", "type": "", "source": "none", "options": ["remount", "ro"]}
        self.run_image(change=lambda config: config["mounts"].append(mount))

    def test_read_only_path_through_a_link(self):
        (self.image / "etc/fixed").symlink_to(self.outside)
        self.run_image("echo x > /etc/fixed/new",
                       change=lambda config: config["linux"].update(readonlyPaths=["/etc/fixed"]))

    def test_bind_on_a_link_to_the_host(self):
        (self.image / "data").symlink_to(self.outside / "file")
        source = self.folder / "source"
        source.write_text("volume")
        mount = {"destination": "/data", "type": "bind", "source": str(source), "options": ["bind"]}
        self.run_image("cat /data", change=lambda config: config["mounts"].append(mount))

    def test_device_behind_a_link(self):
        device = {"path": "/dev/link/null", "type": "c", "major": 1, "minor": 3}
        (self.image / "dev/link").symlink_to(self.outside)
        def change(config):
            config["linux"]["devices"] = [device]
            config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/dev"]
        self.run_image(change=change)

    def test_start_container_hook_is_the_images_own(self):
        # A hook of the container is looked up and run inside it.
        (self.image / "bin/hook").symlink_to(self.outside / "hook")
        (self.outside / "file").write_text("untouched")
        result = self.run_image(change=lambda config: config.update(
            hooks={"startContainer": [{"path": "/bin/hook"}]}))
        self.assertIn("hooks.startContainer[0]", result.err)

    def test_interpreter_named_like_a_path_of_the_host(self):
        # PT_INTERP names a file that only the host has: it must not be found there.
        probe = (pathlib.Path(root("base")) / "bin/true").read_bytes()
        self.assertIn(b"/lib64/ld-linux-x86-64.so.2\0", probe)
        (self.image / "bin/true").write_bytes(probe)
        (self.image / "bin/true").chmod(0o755)
        result = self.run_image("/bin/true || echo refused")
        self.assertIn("refused", result.out)

    def test_interpreter_with_dots_and_without_end(self):
        for name in (b"/../../../x\0", b"x" * 27, b"/" + b"y" * 26, b"relative/ld\0"):
            probe = (pathlib.Path(root("base")) / "bin/true").read_bytes()
            probe = probe.replace(b"/lib64/ld-linux-x86-64.so.2\0", name.ljust(28, b"\0")[:28])
            (self.image / "bin/true").unlink(missing_ok=True)
            (self.image / "bin/true").write_bytes(probe)
            (self.image / "bin/true").chmod(0o755)
            result = self.run_image("/bin/true; echo $?; echo still alive")
            self.assertIn("still alive", result.out)
            shutil.rmtree(self.folder / "bundle")

    def test_tools_of_the_image_are_not_run_by_the_host(self):
        # A hostile program named as something that a set-up might call.
        for name in ("mount", "ip", "newuidmap"):
            (self.image / "bin" / name).write_text(f"#!/bin/sh\necho x > {self.outside}/{name}\n")
            (self.image / "bin" / name).chmod(0o755)
        self.run_image()


if __name__ == "__main__":
    main()
