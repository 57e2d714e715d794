#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Man pages and completion (docs/man/generate.py) against the program: every command and option of `alnd help`, every key of `alnd
describe` is in the pages; groff, man and mandoc (where there are such) have nothing to say about them; every option that a command's
source takes is in its help and the other way round, and is known to the program; bash, fish and zsh complete them.

pages.py BIN_DIR SOURCE_DIR"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BIN, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, 'docs/man'))
import generate  # noqa: E402

FAILED = []


def check(good, text):
    if not good:
        FAILED.append(text)
        print('FAIL:', text)


def output(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **more)


def plain(page):
    """What a reader sees, in lines as long as they come."""
    with open(page, encoding='utf-8') as f:
        text = re.sub(r'\\f.|\\&', '', f.read())
    for code, sign in (('\\-', '-'), ('\\(ti', '~'), ('\\(ha', '^'), ('\\(aq', "'"), ('\\(ga', '`'), ('\\e', '\\')):
        text = text.replace(code, sign)
    return text


def check_pages(s, out):
    page = plain(out + '/alnd.1')
    parts = dict(zip(*[iter(re.split(r'^\.S[SH] (\S+).*\n', page, flags=re.M)[1:])] * 2))
    help_text = output(BIN + '/alnd', 'help').stdout
    commands = re.findall(r'^  alnd (\w+)', help_text, re.M)
    check(len(commands) >= 19 and [c.name for c in s.commands] == commands, 'the commands of alnd help')
    for name in commands:
        usage = output(BIN + '/alnd', 'help', name).stdout
        for line in usage[len('usage: '):].splitlines():
            line = line.strip()
            check(line.lower() in parts.get(name, '').lower(), f'alnd.1, {name}: no line "{line}"')
    for code in range(5):
        check(re.search(rf'^\.B {code}\n\w', page, re.M), f'alnd.1: exit status {code}')
    variables = set(re.findall(r'getenv\("(ALND_\w+)"\)', ''.join(open(f).read() for d in ('daemon', 'engines', 'learn')
                                                                 for f in glob.glob(f'{SOURCE}/{d}/**/*.c', recursive=True))))
    for name in variables - {'ALND_TOKEN', 'ALND_CRASH_AT', 'ALND_CRASH_FRAME', 'ALND_SLOW_FRAME'}:  # ours alone; test hooks (HACKING.md)
        check(name in parts['ENVIRONMENT'], f'alnd.1: no {name}')
    keys = plain(out + '/loop.yaml.5')
    described = re.findall(r'^(\S+) ', output(BIN + '/alnd', 'describe').stdout, re.M)
    check(len(described) > 100, 'alnd describe')
    for key in described:
        check(f'\n.TP\n{key} (' in keys, f'loop.yaml.5: no {key}')
    worker = output(BIN + '/alnd-worker').stderr
    for verb in worker.split('verbs:')[1].split():
        check(verb in plain(out + '/alnd-worker.1'), f'alnd-worker.1: no {verb}')
    lmp = plain(out + '/alnd-lmp.1')
    for name in set(re.findall(r'\$\{(ALND_\w+)', open(BIN + '/alnd-lmp').read())):
        check(f'.B {name}\n' in lmp, f'alnd-lmp.1: no {name}')


def check_format(out):
    tools = (('groff', '-ww', '-man', '-Tutf8', '-z'), ('man', '--warnings', '-l', '-Tutf8', '-Z'), ('mandoc', '-T', 'lint', '-W', 'warning'))
    for tool in tools:
        if not shutil.which(tool[0]):
            print(f'no {tool[0]}: pages not tried with it')
            continue
        for page in sorted(glob.glob(out + '/*.[15]')):
            p = output(*tool, page, env=dict(os.environ, MANWIDTH='80', LC_ALL='C.UTF-8'))
            said = p.stderr + (p.stdout if tool[0] == 'mandoc' else '')
            check(p.returncode == 0 and not said.strip(), f'{tool[0]} {os.path.basename(page)}: {said.strip()[:400]}')


def options_in_source(name):
    """Options that daemon/cli/cmd_NAME.c compares with, or has in a table of options."""
    with open(f'{SOURCE}/daemon/cli/cmd_{name}.c', encoding='utf-8') as f:
        text = f.read()
    found = set(re.findall(r'strcmp\((?:a|flag|argv\[i\]), "(--?[a-z][a-z-]*)"\)', text)) | set(re.findall(r'^\s+\{"(--[a-z-]+)",', text, re.M))
    for table in re.findall(r'flags\[\] = \{(.*?)\}', text):
        found |= set(re.findall(r'"(--[a-z-]+)"', table))
    return found


def check_options(s):
    total = 0
    for c in s.commands:
        if c.name == 'help':
            continue
        said, taken = {o.name for o in c.options}, options_in_source(c.name)
        total += len(taken)
        check(not taken - said, f'alnd help {c.name} does not tell {sorted(taken - said)}')
        for name in sorted(said):
            p = output(BIN + '/alnd', c.name, name)
            check(p.returncode in (0, 2) and 'unknown option' not in p.stderr, f'alnd {c.name} {name}: {p.stderr}')
    check(total > 50, f'{total} options found in the sources')
    p = output(BIN + '/alnd', 'start', '--no-such-option')
    check('unknown option' in p.stderr, 'an unknown option is not told')


def bash(out, *words):
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); ' \
        '_alnd alnd "${@: -1}" "${@: -2:1}" 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    return set(output('bash', '--norc', '-c', script, 'bash', out + '/alnd.bash', 'alnd', *words).stdout.split())


def fish(out, *words):
    line = ' '.join(('alnd',) + words)
    p = output('fish', '-N', '-c', f'source {out}/alnd.fish; complete -C "{line}"', env=dict(os.environ, HOME=out))
    return {row.split('\t')[0] for row in p.stdout.splitlines()}


def check_completion(s, out):
    commands = {c.name for c in s.commands}
    shells = [bash]
    if shutil.which('fish'):
        shells.append(fish)
    else:
        print('no fish: its completion is not tried')
    for shell in shells:
        who = shell.__name__
        got = shell(out, '')
        check(commands <= got, f'{who}: commands {sorted(commands - got)}')
        check(shell(out, 'sta') == {'start', 'status'}, f'{who}: sta: {shell(out, "sta")}')
        check(shell(out, 'md', '--ensemble', 'n') == {'nve', 'nvt', 'npt'}, f'{who}: --ensemble: {shell(out, "md", "--ensemble", "n")}')
        check({'label', 'label.cutoff'} <= shell(out, 'describe', 'label'), f'{who}: keys')
        check('--descriptor.rcut' in shell(out, 'train', '--desc'), f'{who}: keys of train')
        for c in s.commands:
            want = {o.name for o in c.options if o.name.startswith('--')} | {'--help'}
            got = shell(out, c.name, '--')
            check(want <= got, f'{who}: alnd {c.name}: no {sorted(want - got)}')
    check(bash(out, 'label', '--cores', '') == set() and bash(out, 'stop', '--json') == set(), 'bash: words that are none')
    if shutil.which('zsh'):
        p = output('zsh', '-n', out + '/_alnd')
        check(p.returncode == 0, f'zsh: {p.stderr}')
        text = open(out + '/_alnd').read()
        for c in s.commands:
            part = re.search(rf'^{c.name}\)\n(.*?)^    ;;', text, re.M | re.S)
            check(part and all(f"'{o.name}[" in part[1] for o in c.options), f'zsh: options of {c.name}')
    else:
        print('no zsh: its completion is not tried')


def main():
    with tempfile.TemporaryDirectory(prefix='alnd-pages-') as out:
        sys.argv[1:] = [BIN, SOURCE, '0', out]
        generate.main()
        s = generate.Source(BIN, SOURCE, '0')
        check_pages(s, out)
        check_format(out)
        check_options(s)
        check_completion(s, out)
    sys.exit(1 if FAILED else 0)


main()
