using System.Globalization;
using System.Text;

namespace FlowCut.Kernels.Compilation;

/// <summary>Writes the small header that turns a fixed source into one variant. Lines come out in the order of the calls.</summary>
internal sealed class ConfigWriter
{
    private readonly StringBuilder _text = new("#pragma once\n#include \"fc/types.cuh\"\n");

    /// <summary><c>using Elem = fc::Half;</c></summary>
    public ConfigWriter Type(string alias, ElementType type) => Line($"using {alias} = {type.DeviceName()};");

    /// <summary><c>constexpr int kHeadSize = 64;</c></summary>
    public ConfigWriter Constant(string name, int value) => Line($"constexpr int {name} = {value};");

    /// <summary><c>constexpr bool kCausal = true;</c></summary>
    public ConfigWriter Constant(string name, bool value) => Line($"constexpr bool {name} = {(value ? "true" : "false")};");

    /// <summary><c>constexpr float kScale = 0.125f;</c>: nine digits, which give the same float back.</summary>
    /// <exception cref="ArgumentException">Not a finite number: it has no literal.</exception>
    public ConfigWriter Constant(string name, float value)
    {
        if (!float.IsFinite(value)) throw new ArgumentException($"{name} = {value} has no literal.", nameof(value));
        return Line($"constexpr float {name} = {value.ToString("e8", CultureInfo.InvariantCulture)}f;");
    }

    /// <summary>The header so far.</summary>
    public override string ToString() => _text.ToString();

    private ConfigWriter Line(FormattableString line)
    {
        _text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        return this;
    }
}
