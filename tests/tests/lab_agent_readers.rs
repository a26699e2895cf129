//! What is told to whom on a booted machine: by files, by sockets, and how much it may cost.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use patchflock_tests::lab::agent::Agent;
use patchflock_tests::lab::deb::Deb;

const SECRET: &str = "s3cret";
const READ: &str = "/run/patchflock/agent/patchflockd.sock";
const ADMIN: &str = "/run/patchflock/agent/admin.sock";

/// Asks at a socket: once, or from so many processes at the same time, each for one path after another.
const ASK: &str = r#"use IO::Socket::UNIX;
my ($socket, $times, @paths) = @ARGV;
sub ask {
    my $path = shift;
    my $door = IO::Socket::UNIX->new($socket) or die "$!\n";
    print $door "GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    local $/;
    return scalar <$door>;
}
if ($times == 1) { print ask($_) for @paths; exit }
for my $n (1 .. $times) {
    next if fork;
    my $answer = ask($paths[$n % @paths]);
    exit($answer =~ m{^HTTP/1.1 200} && $answer =~ /(\}|\]|\r\n0\r\n\r\n)$/ ? 0 : 1);
}
my $failed = 0;
while (wait != -1) { $failed++ if $? }
print "failed: $failed\n";
"#;

/// Makes files of ours much larger.
const FILL: &str = r#"for my $file (map { "/var/lib/patchflock/$_" } @ARGV) {
    local $/;
    open my $in, '<', $file or die "$file: $!\n";
    my $text = <$in>;
    my $filler = join ',', ('{"a":[1,2,3]}') x 200000;
    $text =~ s/^\{/{"filler":[$filler],/ or die "$file is no object\n";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
}
"#;

/// A machine with a run behind it whose hook and package were talkative, and a baseline with a password.
fn talkative() -> (Agent, String) {
    let mut agent = Agent::new([Deb::new("tool", "1.0")]).unwrap();
    agent.machine.ok("useradd -m -G patchflock alice").unwrap();
    agent.machine.files().write("/srv/ask.pl", ASK).unwrap();
    let hook = format!("#!/bin/sh\necho {SECRET} of a hook\n");
    agent.machine.files().script("/etc/patchflock/hooks/pre-install.d/10-talk", &hook).unwrap();
    agent.baseline("").unwrap();
    let sources = format!(
        "kind: PatchBaseline\nname: other\nspec:\n  operating_system: DEBIAN\n  sources:\n    - name: mine\n      products: \
         ['*']\n      configuration: deb https://user:{SECRET}@example.invalid/ ./\n"
    );
    let said = agent.apply(&sources).unwrap();
    assert!(!said.contains(SECRET), "{said}");
    let talk = format!("echo {SECRET} of a package");
    agent.publish([Deb::new("tool", "1.1").script("postinst", &talk)]).unwrap();
    agent.window_now("").unwrap();
    let entry = agent.wait_run("window").unwrap();
    assert_eq!(entry.pointer("/ending").unwrap(), "succeeded", "{entry}");
    (agent, entry.pointer("/spec/id").unwrap().as_str().unwrap().to_owned())
}

fn asked(agent: &Agent, user: &str, socket: &str, path: &str) -> String {
    let out =
        agent.machine.run(&format!("runuser -u {user} -- perl /srv/ask.pl {socket} 1 '{path}'")).unwrap();
    format!("{}{}", out.stdout_text(), out.stderr_text())
}

#[test]
fn secrets_are_for_root_and_the_group_in_files_and_answers_alike() {
    let (agent, run) = talkative();
    let everything =
        ["/v1/status", "/v1/survey", "/v1/documents", "/v1/runs", "/v1/documents/PatchBaseline/lab"];
    let of_run = [format!("/v1/runs/{run}"), format!("/v1/runs/{run}/events")];
    for path in everything.iter().copied().chain(of_run.iter().map(String::as_str)) {
        let answer = asked(&agent, "nobody", READ, path);
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains(SECRET), "{path}: {answer}");
        let answer = asked(&agent, "alice", ADMIN, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let detail = asked(&agent, "alice", ADMIN, &of_run[0]);
    for whose in ["hook", "package"] {
        assert!(detail.contains(&format!("{SECRET} of a {whose}")), "{detail}");
    }
    let other = "/v1/documents/PatchBaseline/other";
    let answer = asked(&agent, "nobody", READ, other);
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("`sources`"), "{answer}");
    assert!(asked(&agent, "alice", ADMIN, other).contains(SECRET));
    assert!(asked(&agent, "nobody", ADMIN, "/v1/status").contains("Permission denied"));
    // The command takes the way that its user may go.
    let get = |user: &str| {
        agent.machine.run(&format!("runuser -u {user} -- patchflock get PatchBaseline other -o yaml"))
    };
    let (nobody, alice) = (get("nobody").unwrap(), get("alice").unwrap());
    assert!(nobody.code != 0 && !nobody.stdout_text().contains(SECRET), "{}", nobody.stdout_text());
    assert!(alice.code == 0 && alice.stdout_text().contains(SECRET), "{}", alice.stderr_text());

    // The same in files: nobody may read any, the group all but locks, and only root may write.
    let find = |user: &str, what: &str| {
        agent
            .machine
            .ok(&format!("runuser -u {user} -- find /var/lib/patchflock {what} 2> /dev/null || true"))
            .unwrap()
    };
    assert_eq!(find("nobody", "-type f -readable"), "");
    let unread = find("alice", "-path /var/lib/patchflock/agent -prune -o -type f ! -readable -print");
    assert!(unread.lines().all(|path| path.ends_with("lock")), "{unread}");
    let read = find("alice", "-type f -readable");
    for part in
        ["documents/log.jsonl", "runs/", "plans/", "hooks/", "txn/", "survey.json", "first-seen.jsonl"]
    {
        assert!(read.contains(&format!("/var/lib/patchflock/{part}")), "{part}: {read}");
    }
    for user in ["alice", "patchflock"] {
        let writable = find(user, "-path /var/lib/patchflock/agent -prune -o -writable -print");
        assert_eq!(writable, "", "{user}");
    }
    let open =
        "find /var/lib/patchflock -mindepth 1 -path /var/lib/patchflock/agent -prune -o -perm /027 -print";
    assert_eq!(agent.machine.ok(open).unwrap(), "", "no mode of any file depends on what is above it");
}

#[test]
fn sixty_four_readers_of_everything_at_once_are_answered_within_the_memory_of_the_agent() {
    let (agent, run) = talkative();
    // A machine with more packages than most, and a transaction that had much to say.
    agent.machine.files().write("/root/fill.pl", FILL).unwrap();
    agent.machine.ok(&format!("perl /root/fill.pl survey.json runs/{run}.json")).unwrap();
    let pid = agent.machine.ok("systemctl show -P MainPID patchflockd").unwrap();
    let paths = format!("/v1/survey /v1/runs/{run} /v1/runs?limit=1000 /v1/documents /v1/status");
    let out = agent.machine.ok(&format!("runuser -u nobody -- perl /srv/ask.pl {READ} 64 {paths}")).unwrap();
    assert_eq!(out, "failed: 0\n");
    assert_eq!(agent.machine.ok("systemctl show -P MainPID patchflockd").unwrap(), pid, "it was killed");
    let peak = agent
        .machine
        .ok(&format!("sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/{}/status", pid.trim()))
        .unwrap();
    let peak: u64 = peak.trim().parse().unwrap();
    assert!(peak < 128 << 10, "{peak} KiB of the 256 MiB that it has");
}
