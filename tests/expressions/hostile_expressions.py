"""Evaluates hostile expressions in this process, its address space limited, and prints what became of each.

Run as a program: `python hostile_expressions.py SECONDS`; a line of JSON per expression.
"""

from __future__ import annotations

import json
import resource
import sys
import time

DOUBLING = "($f := function($x, $n) { $n = 0 ? $x : $f(%s, $n - 1) }; %s)"

EXPRESSIONS = {
    # time
    "tail recursion": "($f := function($n) { $f($n + 1) }; $f(0))",
    "mutual tail recursion": "($a := function() { $b() }; $b := function() { $a() }; $a())",
    "product of ranges": "[1..100000].([1..100000].($ * 2))",
    "map in map": "$map([1..100000], function($i) { $map([1..100000], function($j) { $i * $j }) })",
    "quadratic distinct": "$count($distinct([1..200000].{'a': $}))",
    "sort with a slow comparator": "$sort([1..800000], function($l, $r) { $string($l) < $string($r) })",
    "endless reduce": "$reduce([1..800000], function($a, $b) { $append($a, $string($b)) }, [])",
    # regular expressions
    "nested quantifiers": "$match($pad('', 50000, 'a') & '!', /^(a+)+$/)",
    "alternatives": "$contains($pad('', 5000, 'a') & 'b', /^(a|aa)+$/)",
    "nested stars": "$match($pad('', 100000, 'ab'), /((a*b*)*)*c/)",
    "backtracking over all": "$match($pad('', 1000000, 'x'), /(.|\\s)*y/)",
    "costly replace": "$replace($pad('', 100000, 'a'), /(a+)+b/, 'x')",
    "costly split": "$split($pad('', 100000, 'a'), /(a+)+b/)",
    "counted repetition": "$match($pad('', 100000, 'a'), /((a{1,100}){1,100}){1,100}b/)",
    "many optional": "$match($pad('', 200, 'a'), /" + "a?" * 60 + "a" * 200 + "$/)",
    "back reference": "$match($pad('', 100000, 'a'), /(a*)*\\1\\1b/)",
    "too long a subject": "$match($pad('', 2000000, 'a'), /b/)",
    "empty match": "$match('abc', /x*/)",
    # memory
    "range": "[1..1e9]",
    "long range": "$count([1..9999999])",
    "range of Step Functions": "$range(1, 1e12, 1)",
    "ranges kept": "$map([1..500], function($i) { [1..800000] })",
    "pad": "$pad('', 1e9)",
    "pad with infinity": "$pad('', 1/0)",
    "pads kept": "$map([1..100000], function($i) { $pad('', 6000000, $string($i)) })",
    "string doubling": DOUBLING % ("$x & $x", "$f('x', 40)"),
    "list doubling": DOUBLING % ("$append($x, $x)", "$f([1, 2], 40)"),
    "list doubling by constructor": DOUBLING % ("[$x, $x]", "$f([1, 2], 40)"),
    "shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$f(1, 60)"),
    "text of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$string($f(1, 60))"),
    "pretty text of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$string($f(1, 60), true)"),
    "concatenated shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "'' & $f(1, 60)"),
    "hash of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$hash($f(1, 60), 'MD5')"),
    "comparison of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$f(1, 60) = $f(1, 60)"),
    "descendants of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$count($f(1, 60).**)"),
    "distinct shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$distinct([$f(1, 60), $f(1, 60)])"),
    "clone of shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$f(1, 60) ~> |a|{'c': 1}|"),
    "error about shared objects": DOUBLING % ("{'a': $x, 'b': $x}", "$f(1, 60) < 1"),
    "join": "$join($map([1..800000], function($i) { $pad('', 1000) }))",
    "join of shared texts": "($t := $pad('', 6000000); $join([1..100000].$t, $t))",
    "replace grows": "$replace($pad('', 1000000, 'a'), 'a', $pad('', 10000, 'b'))",
    "replace by function grows": "$replace($pad('', 1000000, 'a'), /a/, function($m) { $pad('', 100000, 'b') })",
    "replace repeats the match": "$replace($pad('', 1000000, 'a'), /a+/, $pad('', 10000, '$0'))",
    "split": "$split($pad('', 6000000, 'é'), '')",
    "splits kept": "$map([1..1000], function($i) { $split($pad('', 1000000, 'é'), '') })",
    "encoded": "$encodeUrlComponent($pad('', 6000000, 'é'))",
    "zip": DOUBLING % ("$zip($x, $x)", "$f([1..1000], 40)"),
    "merge": DOUBLING % ("$merge([$x, {$string($n): $x}])", "$f({}, 60)"),
    "spread": "$spread($merge([1..100000].{$string($): $}))",
    "endless growth": "$reduce([1..800000], function($a, $b) { $a & $pad('', 10000) }, '')",
    # depth
    "recursion": "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "mutual recursion": "($a := function($n) { 1 + $b($n) }; $b := function($n) { 1 + $a($n) }; $a(0))",
    "fixed point": "($y := function($f) { $f($f) }; $y(function($g) { 1 + $g($g) }))",
    "recursion through map": "($f := function($x) { $map([1, 2], function($i) { $f($x) }) }; $f(1))",
    "recursion through sort": "($f := function($x) { $sort([2, 1], function($l, $r) { $f($x) }) }; $f(1))",
    "recursion through replace": "($f := function($x) { $replace('a', /a/, function($m) { $f($x) }) }; $f(1))",
    "deep value": DOUBLING % ("[[$x]]", "$f(1, 100000)"),
    "text of a deep value": DOUBLING % ("{'a': $x}", "$string($f(1, 100000))"),
    "nested parentheses": "(" * 3000 + "1" + ")" * 3000,
    "nested lists": "[" * 3000 + "1" + "]" * 3000,
    "nested objects": "{'a':" * 3000 + "1" + "}" * 3000,
    "nested functions": "function($x){" * 3000 + "1" + "}" * 3000,
    "long sum": "+".join("1" for _ in range(20_000)),
    "long minus": "-" * 5_000 + "1",
    "long path": "$x" + ".a" * 20_000,
    "long condition": "$x ? 1 : " * 3_000 + "1",
    "long chain": "1" + " ~> $string()" * 3_000,
    "long predicate": "$x" + "[1]" * 3_000,
    # numbers and pictures
    "huge power": "$power(10, 1e9)",
    "huge number": "$number('" + "9" * 200_000 + "')",
    "huge hexadecimal": "$number('0x" + "f" * 200_000 + "')",
    "round far": "$round(1.5, 1e300)",
    "round to infinity": "$round(1e308, -1e9)",
    "base of infinity": "$formatBase(1/0, 2)",
    "time of a huge number": "$fromMillis(1e300)",
    "picture of a time": "$fromMillis(0, $pad('', 1000000, '[Y]'))",
    "parsed by a long picture": "$toMillis($pad('', 10000, '1'), $pad('', 10000, '[f1]'))",
    "long decimal picture": "$formatNumber(1e15, $pad('', 1000000, '0'))",
    "grouped decimal picture": "$formatNumber(1e15, $pad('', 100000, '#,'))",
    "long integer picture": "$formatInteger(1, $pad('', 1000000, '0'))",
    "words": "$formatInteger(1e300, 'w')",
    "roman": "$formatInteger(1e9, 'I')",
    "letters": "$formatInteger(1e300, 'a')",
    "parsed words": "$parseInteger($pad('', 100000, 'one '), 'w')",
    "division": "[1/0, -1/0, 1e308 * 10]",
    "bad base64": "$base64decode('!!!')",
    "lone surrogate": "$encodeUrl('\\uD800')",
}


def main(seconds: float, only: list[str]) -> None:
    """Evaluates them all, or those with the given names."""
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    from expression_surroundings import Surroundings

    from asl_runner.expressions import jsonata_guard
    from asl_runner.expressions.json_text import compact
    from asl_runner.expressions.jsonata import QueryEvaluationError, compile_jsonata

    jsonata_guard.TIME_LIMIT = seconds  # type: ignore[misc]
    for name, expression in EXPRESSIONS.items():
        if only and name not in only:
            continue
        started = time.monotonic()
        try:
            value = compile_jsonata(expression, "Output")({"input": {}, "context": {}}, Surroundings())
            result = f"value of {len(compact(value))} bytes"
        except QueryEvaluationError as failure:
            result = failure.message[-200:]
        took = time.monotonic() - started
        memory = jsonata_guard.resident_bytes() >> 20
        print(json.dumps({"name": name, "took": round(took, 2), "memory": memory, "result": result}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
