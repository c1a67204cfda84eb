using BenchmarkDotNet.Running;
using FlowCut.Bench;

// ratios: what is claimed about kernels, each against its peer or ceiling within one run
// serve:  a model part as a process for bench/peers/run.py
// synthesize: a model folder with random weights of true shapes
// preprocess: photos to encoders' inputs, per family
// cold-start: compiling a model's kernels, and finding them in the cache
// else:   BenchmarkDotNet's own arguments (--filter '*Attention*', --list flat, ...)
try
{
    switch (args)
    {
        case ["ratios", .. var rest]: return RatioCommand.Run(rest);
        case ["synthesize", .. var rest]: return SynthesizeCommand.Run(rest);
        case ["preprocess", .. var rest]: return PreprocessCommand.Run(rest);
        case ["cold-start", .. var rest]: return ColdStartCommand.Run(rest);
        case ["serve", .. var rest]: return ServeCommand.Run(rest);
        default:
            BenchmarkSwitcher.FromAssembly(typeof(RatioCommand).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args);
            return 0;
    }
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine("usage: bench ratios [--rounds N] [--only NAME] [--out FILE.json] | serve clip|prefill [OPTIONS] | synthesize DIR [--layers N] | preprocess [--width N] [--height N] [--rounds N] [--out FILE.json] | cold-start [--arch sm_90a] [--simulator FILE] [--out FILE.json] | BENCHMARKDOTNET-ARGUMENTS");
    return 2;
}
