using FlowCut.Fuzz;
using SharpFuzz;

// list               names of the targets
// seeds TARGET DIR   writes the target's seeds
// run TARGET FILE…   runs files once, without a fuzzer, to reproduce a finding; exit status 1 if there is one
// fuzz TARGET        serves afl-fuzz, which passes inputs on standard input
switch (args)
{
    case ["list"]:
        foreach (var target in FuzzTarget.All) Console.WriteLine(target.Name);
        return 0;
    case ["seeds", var name, var folder] when Find(name) is { } target:
        Directory.CreateDirectory(folder);
        foreach (var (seed, bytes) in target.Seeds) File.WriteAllBytes(Path.Combine(folder, seed), bytes);
        return 0;
    case ["run", var name, .. var files] when Find(name) is { } target:
        return Array.TrueForAll(files, file => Passes(target, file)) ? 0 : 1;
    case ["fuzz", var name] when Find(name) is { } target:
        Fuzzer.Run(stream =>
        {
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            target.Run(bytes.ToArray());
        });
        return 0;
    default:
        Console.Error.WriteLine("usage: FlowCut.Fuzz list | seeds TARGET DIR | run TARGET FILE… | fuzz TARGET");
        return 2;
}

static bool Passes(FuzzTarget target, string file)
{
    try
    {
        target.Run(File.ReadAllBytes(file));
        return true;
    }
    catch (Exception e)
    {
        Console.Error.WriteLine($"{file}: {e}");
        return false;
    }
}

static FuzzTarget? Find(string name) => FuzzTarget.All.FirstOrDefault(target => target.Name == name);
