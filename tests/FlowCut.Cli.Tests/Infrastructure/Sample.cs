using FlowCut.Testing;

namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>The model and picture that the repository carries.</summary>
internal static class Sample
{
    /// <summary>Visual tokens of a picture: 112 / 14 squared.</summary>
    public const int Patches = 64;

    public static string Model { get; } = Path.Combine(Goldens.Repository, "samples", "llava-1.5-tiny");

    public static string Picture { get; } = Path.Combine(Goldens.Repository, "samples", "pictures", "chelsea.png");

    /// <summary>Arguments of a short greedy answer on the CPU; later options may be appended.</summary>
    public static string[] Generate(params IEnumerable<string> more) =>
        ["generate", "--model", Model, "--image", Picture, "--prompt", "What animal is in the picture?", "--device", "cpu", "--ignore-eos", "--max-tokens", "8", .. more];
}
