namespace FlowCut.Interop.Tests.Abi;

/// <summary>Every value of every enum against the headers.</summary>
public class EnumTests
{
    // counters of the headers, which mean nothing at run time
    private static readonly string[] Counters =
    [
        "CU_FUNC_ATTRIBUTE_MAX", "CU_JIT_NUM_OPTIONS", "CU_MEM_LOCATION_TYPE_MAX", "CU_MEM_ALLOCATION_TYPE_MAX", "CU_MEM_HANDLE_TYPE_MAX", "CU_POINTER_ATTRIBUTE_MAX",
        "CU_CTX_SCHED_MASK", "CU_CTX_FLAGS_MASK",
    ];

    public static TheoryData<string> Names => [.. AbiNeeds.Enums.Select(item => item.Name)];

    public static TheoryData<string> CompleteNames => [.. AbiNeeds.Enums.Where(item => item.IsComplete).Select(item => item.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Members_have_the_values_of_the_headers(string name)
    {
        var item = AbiNeeds.Enums.Single(candidate => candidate.Name == name);
        var native = NativeMembers(item);
        Assert.Equal(sizeof(int), (int)AbiFile.Enum(name)["size"]!);
        Assert.Equal(typeof(int), Enum.GetUnderlyingType(item.Type));
        foreach (var member in Enum.GetNames(item.Type))
        {
            var value = (long)(int)Enum.Parse(item.Type, member);
            if (member == "None" && value == 0 && !native.ContainsKey("NONE")) continue;
            Assert.True(native.TryGetValue(member.ToUpperInvariant(), out var expected), $"{item.Type.Name}.{member} is no member of {name}.");
            Assert.True(value == expected, $"{item.Type.Name}.{member} is {value}, in the headers {expected}.");
        }
    }

    [Theory]
    [MemberData(nameof(CompleteNames))]
    public void No_value_of_the_headers_is_missing(string name)
    {
        var item = AbiNeeds.Enums.Single(candidate => candidate.Name == name);
        var values = Enum.GetValues(item.Type).Cast<object>().Select(value => (long)(int)value).ToHashSet();
        foreach (var major in AbiFile.Majors)
        {
            foreach (var (member, value) in AbiFile.Enum(name)[major]!.AsObject())
            {
                if (Counters.Contains(member) || member.EndsWith("_END", StringComparison.Ordinal)) continue;
                Assert.True(values.Contains((long)value!), $"{item.Type.Name} lacks {member}.");
            }
        }
    }

    [Fact]
    public void Flags_of_host_memory_have_the_values_of_the_headers()
    {
        var constants = AbiFile.Extract["constants"]!.AsObject();
        foreach (var (type, prefix) in AbiNeeds.ConstantEnums)
        {
            var expected = constants.Where(constant => constant.Key.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(constant => constant.Key[prefix.Length..].Replace("_", "", StringComparison.Ordinal), constant => (int)constant.Value!["13"]!);
            var actual = Enum.GetNames(type).Where(member => member != "None").ToDictionary(member => member.ToUpperInvariant(), member => (int)Enum.Parse(type, member));
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Names_of_the_default_streams_have_the_values_of_the_headers()
    {
        foreach (var major in AbiFile.Majors)
        {
            Assert.Equal(DriverApi.LegacyStream, (long)AbiFile.Extract["constants"]!["CU_STREAM_LEGACY"]![major]!);
            Assert.Equal(DriverApi.PerThreadStream, (long)AbiFile.Extract["constants"]!["CU_STREAM_PER_THREAD"]![major]!);
        }
    }

    [Fact]
    public void Names_in_messages_are_those_of_the_headers()
    {
        AssertNames<CudaResult>("CUresult", CudaResults.NameOf);
        AssertNames<NvrtcResult>("nvrtcResult", NvrtcException.NameOf);
        AssertNames<CublasStatus>("cublasStatus_t", CublasException.NameOf);
        Assert.Equal("unknown CUresult", CudaResults.NameOf((CudaResult)12345));
    }

    private static void AssertNames<TEnum>(string name, Func<TEnum, string> nameOf)
        where TEnum : struct, Enum
    {
        foreach (var value in Enum.GetValues<TEnum>())
        {
            var number = Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture);
            var names = AbiFile.Majors.SelectMany(major => AbiFile.Enum(name)[major]!.AsObject()).Where(member => (long)member.Value! == number).Select(member => member.Key);
            Assert.Contains(nameOf(value), names);
        }
    }

    /// <summary>C members without prefix and underscores, of both majors, which do not contradict each other.</summary>
    private static Dictionary<string, long> NativeMembers(EnumCase item)
    {
        var members = new Dictionary<string, long>();
        foreach (var major in AbiFile.Majors)
        {
            foreach (var (member, value) in AbiFile.Enum(item.Name)[major]!.AsObject())
            {
                if (Counters.Contains(member) || member.EndsWith("_END", StringComparison.Ordinal) || member.EndsWith("ATTRIBUTE_MAX", StringComparison.Ordinal)) continue;
                var prefix = item.Prefixes.FirstOrDefault(candidate => member.StartsWith(candidate, StringComparison.Ordinal)) ?? "";
                var key = member[prefix.Length..].Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
                if (!members.TryAdd(key, (long)value!)) Assert.Equal(members[key], (long)value!);
            }
        }

        return members;
    }
}
